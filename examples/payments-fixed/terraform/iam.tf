data "aws_iam_policy_document" "service" {
  statement {
    sid       = "Statements"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = [for bucket in aws_s3_bucket.data : "${bucket.arn}/*"]
  }

  statement {
    sid       = "Data"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.payments.arn]
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
      Principal = { Service = "pods.eks.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.service_role_account } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "service" {
  role       = aws_iam_role.service.name
  policy_arn = aws_iam_policy.service.arn
}

data "aws_iam_policy_document" "assume" {
  for_each = { cluster = "eks.amazonaws.com", flow = "vpc-flow-logs.amazonaws.com", monitoring = "monitoring.rds.amazonaws.com" }

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [each.value]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.service_role_account]
    }
  }
}

resource "aws_iam_role" "cluster" {
  name               = "${local.name}-cluster"
  assume_role_policy = data.aws_iam_policy_document.assume["cluster"].json
}

resource "aws_iam_role" "flow" {
  name               = "${local.name}-flow"
  assume_role_policy = data.aws_iam_policy_document.assume["flow"].json
}

resource "aws_iam_role" "monitoring" {
  name               = "${local.name}-monitoring"
  assume_role_policy = data.aws_iam_policy_document.assume["monitoring"].json
}
