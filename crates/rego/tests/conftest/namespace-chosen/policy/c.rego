package lib

shout(x) := upper(x)
