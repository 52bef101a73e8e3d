package main

limit := 1 if input.a

limit := 2 if input.b

deny contains "x" if input.num > limit
