resource "aws_kms_key" "payments" {
  description = "Data of the payments service"
}

resource "aws_kms_alias" "payments" {
  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.payments.key_id
}
