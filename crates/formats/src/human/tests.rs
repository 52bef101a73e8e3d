use super::*;
use crate::sample;

fn plain() -> Options {
    Options { style: Style { colour: false, width: 90 }, ..Options::default() }
}

#[test]
fn a_red_gate() {
    let (report, sources) = sample::report();
    insta::assert_snapshot!(write(&report, &sources, plain()), @r#"
        high  aws-rds-instance-unencrypted  RDS instance stores its data unencrypted
          --> db/db.tf:3:23  module.db["eu"].aws_db_instance.main  (new)
           |
         3 |   storage_encrypted = var.encrypted
           |                       ^^^^^^^^^^^^^ `storage_encrypted` is `false`
           |
           = from     default of `var.encrypted`, db/variables.tf:3:3
           = via      module call, main.tf:1:1
           = also     module.db["us"].aws_db_instance.main
           = why      Whoever gets the disk or a snapshot reads every row.
           = fix      Set `storage_encrypted = true`; an existing instance has to be restored from
                      an encrypted snapshot copy.
           = ids      CKV_AWS_16, AVD-AWS-0080
           = controls pci-dss-4.0.1/3.5.1, nist-800-53r5/SC-28
           = seen by  Checkov

        unknown (critical)  aws-rds-instance-public  RDS instance is reachable from the internet
          --> db/db.tf:1:1  module.db["eu"].aws_db_instance.main
           |
         1 | resource "aws_db_instance" "main" {
           | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
           |
           = found    variable `public` has no value; a `.tfvars` file with it would decide
           = why      Whoever gets the disk or a snapshot reads every row.
           = fix      Set `storage_encrypted = true`; an existing instance has to be restored from
                      an encrypted snapshot copy.
           = ids      CKV_AWS_16, AVD-AWS-0080
           = controls pci-dss-4.0.1/3.5.1, nist-800-53r5/SC-28

        covered (1)
          medium  aws-rds-instance-backup-off  db/db.tf:5:3  module.db["eu"].aws_db_instance.main
              exception `db-backups`, accepted-risk, signed by maria, until 2027-01-31: rebuilt
              from the ledger every night

        error  hcl-syntax  expected an expression, found `=`
          --> broken.tf:2:12
           |
         2 |   bucket = = "x"
           |            ^^^^^
           |
           = hint     remove one `=`

        findings  2 high, 1 unknown, 1 covered by exceptions, 2 new
        controls  nist-800-53r5/SC-28 2, pci-dss-4.0.1/3.5.1 2
        read      3 files, 5 subjects (3 terraform)
        not read  2 files; the verdict fails closed over 1
          ! broken.tf: expected an expression (read in part)
          - chart/templates/a.yaml: chart, not rendered yet
        evidence  record abababababababab, entry 5 of 5, in ~/.local/state/probity (unanchored)
        verdict   red, must not go on
          because 2 findings are high or worse
          note    exception `old-tls` expired on 2026-01-01
        "#);
}
