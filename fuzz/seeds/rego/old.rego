package main

deny[msg] {
	c := input.a[_]
	not c.d
	msg := sprintf("%v", [c.b])
}

warn[{"msg": msg}] { some i; input.a[i].b == "*"; msg := "star" } { msg := "both"; false }

p[x] = y { y := [z | z := input.a[_].b][x] } 

f(x, [a, b]) = a { x == b } else = 2
