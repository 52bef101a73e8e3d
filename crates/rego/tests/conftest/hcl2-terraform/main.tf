terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
    azure = { source = "x", version = "~> 3.0" }
  }
}
resource "aws_security_group_rule" "my-rule" {
  type        = "ingress"
  cidr_blocks = ["0.0.0.0/0"]
}
resource "aws_alb_listener" "my-alb-listener" {
  port     = "80"
  protocol = "HTTP"
}
resource "azure_managed_disk" "source" {
  encryption_settings {
    enabled = false
  }
}
