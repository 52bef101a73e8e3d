package main

import data.main.lib as lib

# METADATA
# title: no stars
deny contains msg if {
	some i, x in input.a
	every y in x.d { y != $"{i}-{x.b}" }
	msg := concat(",", [f(x) | true]) with input.e as {"f": [1, 2]}
}

default f(_) := "none"

f(x) := x.b if x.b != "*"

lib.p[k].q contains v if some k, v in input.e

allow := {k: v | some k, v in input.e} if not deny else := true if print(input, data.x[_])
