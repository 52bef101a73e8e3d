variable "region" {
  type    = string
  default = "eu-central-1"
}

variable "environment" {
  type    = string
  default = "production"
}

variable "database" {
  description = "How the payments database is run."
  type = object({
    instance_class = optional(string, "db.r6g.large")
    storage        = optional(number, 200)
    encrypted      = optional(bool, true)
  })
  default = {}
}

variable "service_role_account" {
  description = "Account whose cluster runs the service."
  type        = string
  default     = "111122223333"
}

variable "certificate_arn" {
  description = "Certificate of the public endpoint."
  type        = string
  default     = "arn:aws:acm:eu-central-1:111122223333:certificate/0f6e8a40-6f2e-4d8c-9a55-4a4d3b1c2e01"
}

locals {
  name = "payments-${var.environment}"
  tags = {
    service     = "payments"
    environment = var.environment
    owner       = "team-payments"
  }
}
