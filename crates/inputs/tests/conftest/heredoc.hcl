plain = <<EOT
  keeps ${indent}
	tab
EOT
flush = <<-EOT
    four
      six
    ${x} after
    EOT
trim = <<EOT
a ${~ x ~}
   b
EOT
