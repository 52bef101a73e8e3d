data "aws_iam_policy_document" "key" {
  statement {
    sid       = "Administration"
    actions   = ["kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Update*", "kms:Revoke*", "kms:Disable*", "kms:Get*", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion"]
    resources = ["arn:aws:kms:${var.region}:${var.service_role_account}:key/*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${var.service_role_account}:role/key-administrators"]
    }
  }
}

resource "aws_kms_key" "payments" {
  description             = "Data of the payments service"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "payments" {
  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.payments.key_id
}
