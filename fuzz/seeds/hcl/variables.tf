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
    encrypted      = optional(bool, false)
  })
  default = {}
}

variable "office_ranges" {
  description = "Where operators come from."
  type        = list(string)
  default     = ["0.0.0.0/1", "128.0.0.0/1"]
}

variable "certificate_arn" {
  description = "Certificate of the public endpoint."
  type        = string
}

locals {
  name = "payments-${var.environment}"
  tags = {
    service     = "payments"
    environment = var.environment
    owner       = "team-payments"
  }
}
