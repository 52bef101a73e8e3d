a = 1 + 2 * 3
b = -x
c = (a)
d = f("x", g(y)...)
e = x.y[0].z["k"]
f = a ? "b" : "c"
g = { for k, v in m : k => v... if v != "" }
h = "%{ if x }yes%{ else }no%{ endif } %{ for i, v in xs ~}${i}=${v}%{ endfor }"
i = "$${literal} %%{literal} \"q\" \\ \u00e9 \n"
j = { "quoted key" = 1, (var.k) = 2, plain : 3, a.b = 4, 5 = 6 }
k = ["${var.x}", "x${1}y${true}", "${"nested ${z}"}", null]
l = x.*.y.0
m = "${a ? b : c}-${d}"
n = !x && y || z
block label "quoted label" {
  one = 1
}
single { only = true }
/* a comment */ o = 1.5e3 // another
