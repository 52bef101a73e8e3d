resource "aws_db_subnet_group" "payments" {
  name       = local.name
  subnet_ids = [for subnet in aws_subnet.private : subnet.id]
}

resource "aws_db_instance" "payments" {
  identifier             = local.name
  engine                 = "postgres"
  engine_version         = "16.3"
  instance_class         = var.database.instance_class
  allocated_storage      = var.database.storage
  storage_encrypted      = var.database.encrypted
  db_name                = "payments"
  username               = "payments"
  password               = "correct-horse-battery"
  db_subnet_group_name   = aws_db_subnet_group.payments.name
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = true
  skip_final_snapshot    = true
}
