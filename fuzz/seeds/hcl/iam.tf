data "aws_iam_policy_document" "service" {
  statement {
    sid       = "Statements"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.statements.arn}/*"]
  }

  statement {
    sid       = "Everything"
    actions   = concat(["kms:Decrypt"], ["iam:*", "*"])
    resources = ["*"]
  }
}

resource "aws_iam_policy" "service" {
  name   = "${local.name}-service"
  policy = data.aws_iam_policy_document.service.json
}

resource "aws_iam_role" "service" {
  name = "${local.name}-service"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = "*" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "service" {
  role       = aws_iam_role.service.name
  policy_arn = aws_iam_policy.service.arn
}

data "aws_iam_policy_document" "cluster" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["eks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "cluster" {
  name               = "${local.name}-cluster"
  assume_role_policy = data.aws_iam_policy_document.cluster.json
}
