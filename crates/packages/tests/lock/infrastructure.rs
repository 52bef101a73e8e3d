//! GitHub Actions, pre-commit, Terraform, containers, charts.

use crate::check;

#[test]
fn actions() {
    check(
        &[(
            ".github/workflows/ci.yml",
            "name: ci
on: [push]
jobs:
  build:
    runs-on: ubuntu-latest
    container:
      image: ghcr.io/acme/build:1.2@sha256:aaaa
    services:
      db:
        image: postgres:16
      plain: redis:7
    steps:
      - uses: actions/checkout@8e5e7e5ab8b370d6c329ec480221332ada57f0ab # v4.1.0
      - name: Set up
        uses: \"actions/setup-node@v3\"
      - uses: github/codeql-action/analyze@v2
      - uses: ./.github/actions/own
      - uses: docker://alpine:3.18
      - uses: nothing
      - uses: a/b
      - run: |
          uses: x/y@v1
      - uses: [1]
  call:
    uses: acme/workflows/.github/workflows/deploy.yml@main
  dynamic:
    container: ${{ matrix.image }}
",
        )],
        "
        13 pkg:github/actions/checkout@8e5e7e5ab8b370d6c329ec480221332ada57f0ab build direct ?v4.1.0 #git:8e5e7e5ab8b370d6c329ec480221332ada57f0ab
        15 pkg:github/actions/setup-node@v3 build direct
        16 pkg:github/github/codeql-action@v2#analyze build direct
        18 pkg:docker/alpine@3.18 build direct ?alpine:3.18
        20 pkg:github/a/b build direct
        25 pkg:github/acme/workflows@main#.github/workflows/deploy.yml build direct
        7 pkg:docker/acme/build@sha256:aaaa?repository_url=ghcr.io&tag=1.2 build direct ?ghcr.io/acme/build:1.2@sha256:aaaa
        10 pkg:docker/postgres@16 build direct ?postgres:16
        11 pkg:docker/redis@7 build direct ?redis:7
        !! 19 `nothing` names no action
        !! 20 `a/b` has no version
        !! 23 `uses` is no text
        ",
    );
    check(
        &[(
            "action.yml",
            "name: x\nruns:\n  using: composite\n  steps:\n    - uses: actions/cache@0c45773b623bea8c8e75f6c82b208c3cf94ea4f9 # tag=v4.0.2\n    - run: x\n",
        )],
        "5 pkg:github/actions/cache@0c45773b623bea8c8e75f6c82b208c3cf94ea4f9 build direct ?v4.0.2 #git:0c45773b623bea8c8e75f6c82b208c3cf94ea4f9",
    );
    check(
        &[("action.yml", "runs:\n  using: docker\n  image: docker://ghcr.io/a/b:1\n")],
        "3 pkg:docker/a/b@1?repository_url=ghcr.io build direct ?ghcr.io/a/b:1",
    );
    check(&[("action.yml", "runs:\n  using: docker\n  image: Dockerfile\n")], "");
    check(&[(".github/workflows/x.yml", "jobs: [a]\n")], "!! 1 `jobs` is no map");
}

#[test]
fn pre_commit() {
    check(
        &[(
            ".pre-commit-config.yaml",
            "repos:
-   repo: https://github.com/pre-commit/pre-commit-hooks
    rev: v4.4.0
    hooks:
    -   id: trailing-whitespace
-   repo: https://git.example/a/b
    rev: 1.0
    hooks: []
-   repo: local
    hooks: []
-   repo: meta
    hooks: []
-   repo: https://github.com/a/none
    hooks: []
-   hooks: []
",
        )],
        "
        2 pkg:github/pre-commit/pre-commit-hooks@v4.4.0 dev direct <https://github.com/pre-commit/pre-commit-hooks>
        6 pkg:generic/git.example/a/b@1.0?vcs_url=https:%2F%2Fgit.example%2Fa%2Fb dev direct <https://git.example/a/b>
        13 pkg:github/a/none dev direct <https://github.com/a/none>
        !! 13 `https://github.com/a/none` has no version
        !! 15 a repository has no address
        ",
    );
    check(&[(".pre-commit-config.yaml", "repos: x\n")], "!! 1 `repos` is no list");
}

const MAIN: &str = r#"terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
    random = "3.5.1"
    own = { source = "registry.example/acme/own", version = "= 1.0.0" }
  }
}

module "vpc" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "5.1.2"
}

module "sub" {
  source  = "app.terraform.io/acme/sub/aws//modules/x"
  version = ">= 1.0"
}

module "git" {
  source = "git::https://git.example/acme/infra.git//network?ref=v1.2.0&depth=1"
}

module "ssh" {
  source = "git@github.com:acme/infra.git?ref=abc"
}

module "hub" {
  source = "github.com/acme/infra//x"
}

module "bucket" {
  source = "s3::https://s3.example/bucket/module.zip"
}

module "own" {
  source = "./modules/own"
}

module "dynamic" {
  source = "${var.place}/x/y"
}

module "none" {
}
"#;

#[test]
fn terraform() {
    check(
        &[(
            ".terraform.lock.hcl",
            r#"# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.

provider "registry.terraform.io/hashicorp/aws" {
  version     = "5.17.0"
  constraints = "~> 5.0"
  hashes = [
    "h1:rplvK7UGP2FuzM44t2eRX+QYYPC0aUIoKdi5XayRI8M=",
    "zh:0087b9dd2c9c638fd63e527e5b9b70988008e263d480a199f180efe5a4f070f0",
  ]
}

provider "registry.opentofu.org/hashicorp/random" {
  version = "3.5.1"
}

provider "registry.terraform.io/acme/broken" {
}
"#,
        )],
        "
        4 pkg:terraform/registry.terraform.io/hashicorp/aws@5.17.0 build ?~> 5.0 #h1:rplvK7UGP2FuzM44t2eRX+QYYPC0aUIoKdi5XayRI8M= #zh:0087b9dd2c9c638fd63e527e5b9b70988008e263d480a199f180efe5a4f070f0
        13 pkg:terraform/registry.opentofu.org/hashicorp/random@3.5.1 build
        !! 17 `registry.terraform.io/acme/broken` has no version
        ",
    );
    check(&[("main.tf", MAIN)], "
        14 pkg:terraform/registry.terraform.io/terraform-aws-modules/vpc/aws@5.1.2 build direct ?5.1.2 <terraform-aws-modules/vpc/aws>
        19 pkg:terraform/app.terraform.io/acme/sub/aws#modules/x build direct ?>= 1.0 <app.terraform.io/acme/sub/aws//modules/x>
        24 pkg:generic/git.example/acme/infra@v1.2.0?vcs_url=https:%2F%2Fgit.example%2Facme%2Finfra.git#network build direct <git::https://git.example/acme/infra.git//network?ref=v1.2.0&depth=1>
        28 pkg:github/acme/infra@abc build direct <git@github.com:acme/infra.git?ref=abc>
        32 pkg:github/acme/infra#x build direct <github.com/acme/infra//x>
        36 pkg:generic/module.zip?download_url=s3::https:%2F%2Fs3.example%2Fbucket%2Fmodule.zip build direct <s3::https://s3.example/bucket/module.zip>
        4 pkg:terraform/registry.terraform.io/hashicorp/aws build direct ?~> 5.0
        8 pkg:terraform/registry.terraform.io/hashicorp/random@3.5.1 build direct ?3.5.1
        9 pkg:terraform/registry.example/acme/own@1.0.0 build direct ?= 1.0.0
        ! 44 the source of the module `dynamic` is known only when it runs
        !! 47 the module `none` has no source
        ");
    check(&[("main.tf", MAIN), (".terraform.lock.hcl", "")], "
        14 pkg:terraform/registry.terraform.io/terraform-aws-modules/vpc/aws@5.1.2 build direct ?5.1.2 <terraform-aws-modules/vpc/aws>
        19 pkg:terraform/app.terraform.io/acme/sub/aws#modules/x build direct ?>= 1.0 <app.terraform.io/acme/sub/aws//modules/x>
        24 pkg:generic/git.example/acme/infra@v1.2.0?vcs_url=https:%2F%2Fgit.example%2Facme%2Finfra.git#network build direct <git::https://git.example/acme/infra.git//network?ref=v1.2.0&depth=1>
        28 pkg:github/acme/infra@abc build direct <git@github.com:acme/infra.git?ref=abc>
        32 pkg:github/acme/infra#x build direct <github.com/acme/infra//x>
        36 pkg:generic/module.zip?download_url=s3::https:%2F%2Fs3.example%2Fbucket%2Fmodule.zip build direct <s3::https://s3.example/bucket/module.zip>
        ! 44 the source of the module `dynamic` is known only when it runs
        !! 47 the module `none` has no source
        ");
    check(&[("main.tf", "resource \"a\" \"b\" {}\n")], "");
    check(&[("main.tf", "module \"x\" {\n source = \"a/b/c\"\n version = \"1.0.0\"\n")], "!! 1 the block that opens here is not closed");
    check(
        &[(".terraform.lock.hcl", "provider \"a/b/c\" {\n  version = \"1.0.0\"\n}\nprovider \"d/e/f\" {\n  vers")],
        "
        1 pkg:terraform/a/b/c@1.0.0 build
        !! 5 expected `=`, `{` or a label, found the end
        ",
    );
}

#[test]
fn dockerfile() {
    check(
        &[(
            "Dockerfile",
            "# syntax=docker/dockerfile:1
ARG VERSION=1.21
ARG BASE=\"golang:${VERSION}\"
FROM --platform=$BUILDPLATFORM ${BASE} AS Build
ARG VERSION=9
RUN echo FROM nothing:1 && \\
    # a comment
    COPY --from=x y
COPY --from=ghcr.io/acme/tools:2@sha256:bbbb /a /b
FROM gcr.io/distroless/static-debian12@sha256:aaaa
COPY --from=build --chown=1 /a /b
COPY --from=0 /a /b
FROM build AS last
FROM ${UNKNOWN}
FROM ${UNKNOWN:-debian:12-slim}
FROM localhost:5000/own
FROM scratch
FROM
FROM a$$b
RUN <<EOF
FROM inside:1
COPY --from=inside:2 a b
EOF
RUN --mount=type=bind,from=busybox:1.36,target=/x --mount=type=cache,target=/y cp /x /z
",
        )],
        "
        4 pkg:docker/golang@1.21 direct ?golang:1.21
        9 pkg:docker/acme/tools@sha256:bbbb?repository_url=ghcr.io&tag=2 direct ?ghcr.io/acme/tools:2@sha256:bbbb
        10 pkg:docker/distroless/static-debian12@sha256:aaaa?repository_url=gcr.io direct ?gcr.io/distroless/static-debian12@sha256:aaaa
        15 pkg:docker/debian@12-slim direct ?debian:12-slim
        16 pkg:docker/own?repository_url=localhost:5000 direct ?localhost:5000/own
        24 pkg:docker/busybox@1.36 direct ?busybox:1.36
        ! 14 the image `${UNKNOWN}` is known only when it is built
        !! 18 `FROM` names no image
        ! 19 the image `a$$b` is known only when it is built
        ",
    );
    check(&[("Dockerfile", "from alpine:3.18 \\\n  as base\r\ncopy --from=base a b\r\n")], "1 pkg:docker/alpine@3.18 direct ?alpine:3.18");
}

#[test]
fn compose() {
    check(
        &[(
            "docker-compose.yml",
            "version: '3'
services:
  db:
    image: postgres:${PG_VERSION:-16}
  web:
    build: .
    image: acme/web
  other:
    image: registry.example:5000/a/b:1
  dynamic:
    image: ${IMAGE}
  odd: 3
",
        )],
        "
        4 pkg:docker/postgres@16 direct ?postgres:16
        9 pkg:docker/a/b@1?repository_url=registry.example:5000 direct ?registry.example:5000/a/b:1
        ! 11 the image `${IMAGE}` is known only when it runs
        ",
    );
    check(&[("compose.yaml", "services:\n- a\n")], "!! 2 `services` is no map");
}

#[test]
fn helm() {
    let chart = "apiVersion: v2
name: shop
version: 0.1.0
dependencies:
  - name: postgresql
    version: 12.x.x
    repository: https://charts.bitnami.com/bitnami
    condition: postgresql.enabled
  - name: redis
    version: 18.0.4
    repository: oci://registry.example/charts
  - name: common
    version: 1.0.0
    repository: file://../common
  - name: vendored
    version: 1.0.0
  - name: alias
    version: \"1\"
    repository: \"@stable\"
  - version: 1
";
    check(&[("chart/Chart.yaml", chart)], "
        5 pkg:helm/postgresql?repository_url=https:%2F%2Fcharts.bitnami.com%2Fbitnami optional direct ?12.x.x <https://charts.bitnami.com/bitnami>
        9 pkg:helm/redis@18.0.4?repository_url=oci:%2F%2Fregistry.example%2Fcharts direct ?18.0.4 <oci://registry.example/charts>
        17 pkg:helm/alias direct ?1 <@stable>
        !! 20 a dependency has no name
        ");
    check(&[("chart/Chart.yaml", chart), ("chart/Chart.lock", "")], "");
    check(
        &[(
            "chart/Chart.lock",
            "dependencies:
- name: postgresql
  repository: https://charts.bitnami.com/bitnami
  version: 12.12.10
- name: none
  repository: https://charts.example
digest: sha256:abc
generated: \"2023-09-01T00:00:00Z\"
",
        )],
        "
        2 pkg:helm/postgresql@12.12.10?repository_url=https:%2F%2Fcharts.bitnami.com%2Fbitnami direct <https://charts.bitnami.com/bitnami>
        5 pkg:helm/none?repository_url=https:%2F%2Fcharts.example direct <https://charts.example>
        !! 5 `none` has no version
        ",
    );
    check(
        &[("chart/requirements.yaml", "dependencies:\n- name: mysql\n  version: 1.6.9\n  repository: https://charts.example\n")],
        "2 pkg:helm/mysql@1.6.9?repository_url=https:%2F%2Fcharts.example direct ?1.6.9 <https://charts.example>",
    );
    check(&[("chart/Chart.lock", "dependencies: x\n")], "!! 1 `dependencies` is no list");
}
