resource "aws_alb_listener" "x" {
  protocol = "HTTPS"
}
resource "azure_managed_disk" "y" {
  encryption_settings { enabled = true }
}
