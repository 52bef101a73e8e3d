variable "on" {
  type = bool
}

resource "aws_s3_bucket" "b" {
  for_each = { one = true, two = var.on }
  bucket   = each.key
}

resource "aws_s3_bucket_public_access_block" "b" {
  for_each          = aws_s3_bucket.b
  bucket            = each.value.id
  block_public_acls = var.on
}

module "m" {
  source = "example/m/x"
  bucket = aws_s3_bucket.b["one"].arn
}
