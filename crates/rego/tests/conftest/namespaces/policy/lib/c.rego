package lib.strings

shout(x) := upper(x)
