resource "aws_db_subnet_group" "payments" {
  name       = local.name
  subnet_ids = [for subnet in aws_subnet.private : subnet.id]
}

resource "aws_db_parameter_group" "payments" {
  name   = local.name
  family = "postgres16"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name  = "log_statement"
    value = "all"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }
}

resource "aws_db_instance" "payments" {
  identifier                            = local.name
  engine                                = "postgres"
  engine_version                        = "16.3"
  instance_class                        = var.database.instance_class
  allocated_storage                     = var.database.storage
  storage_encrypted                     = var.database.encrypted
  kms_key_id                            = aws_kms_key.payments.arn
  db_name                               = "payments"
  username                              = "payments"
  manage_master_user_password           = true
  master_user_secret_kms_key_id         = aws_kms_key.payments.arn
  iam_database_authentication_enabled   = true
  db_subnet_group_name                  = aws_db_subnet_group.payments.name
  parameter_group_name                  = aws_db_parameter_group.payments.name
  vpc_security_group_ids                = [aws_security_group.database.id]
  ca_cert_identifier                    = "rds-ca-rsa2048-g1"
  publicly_accessible                   = false
  multi_az                              = true
  backup_retention_period               = 35
  copy_tags_to_snapshot                 = true
  deletion_protection                   = true
  auto_minor_version_upgrade            = true
  skip_final_snapshot                   = false
  final_snapshot_identifier             = "${local.name}-final"
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = aws_kms_key.payments.arn
  performance_insights_retention_period = 7
  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]
}
