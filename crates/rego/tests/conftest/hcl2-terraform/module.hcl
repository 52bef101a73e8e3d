resource "aws_security_group_rule" "a" {
  type = "ingress"
  cidr_blocks = [var.cidr, "${"0.0.0.0/0"}"]
}
