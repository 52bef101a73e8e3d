module "vpc" {
  source = "terraform-aws-modules/vpc/aws"
  cidr   = "10.0.0.0/16"
  azs    = slice(data.aws_availability_zones.available.names, 0, 3)
  providers = { aws = aws.eu }
  for_each = toset(["a", "b"])
  depends_on = [module.other, aws_iam_role.x["y"]]
}
provider "aws" { region = "eu-west-1" }
provider "aws" {
  alias  = "us"
  region = "us-east-1"
}
