resource "aws_s3_bucket" "statements" {
  bucket = "${local.name}-statements"
}

resource "aws_s3_bucket_acl" "statements" {
  bucket = aws_s3_bucket.statements.id
  acl    = "public-read"
}

# Settlement files of the card schemes.
resource "aws_s3_bucket" "settlement" {
  # checkov:skip=CKV_AWS_144:one region by contract with the scheme
  bucket = "${local.name}-settlement"
}

resource "aws_s3_bucket_public_access_block" "settlement" {
  bucket                  = aws_s3_bucket.settlement.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "settlement" {
  bucket = aws_s3_bucket.settlement.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_sqs_queue" "payments" {
  name = "${local.name}-events"
}
