locals {
  a = { for k, v in { x = 1, y = 2 } : k => v if v > 1 }
  b = [for v in range(3) : "%{if v > 1}x%{else}${v}%{endif}"]
  c = <<-EOT
    ${jsonencode({ a = local.a })}
  EOT
  d = try(local.a.z, cidrsubnet("10.0.0.0/8", 8, 1))
}
