resource "aws_eks_cluster" "payments" {
  name     = local.name
  role_arn = aws_iam_role.cluster.arn

  vpc_config {
    subnet_ids             = [for subnet in aws_subnet.private : subnet.id]
    endpoint_public_access = true
  }
}
