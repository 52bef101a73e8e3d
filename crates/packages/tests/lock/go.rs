//! Go's modules.

use crate::check;

const SUM: &str = "github.com/BurntSushi/toml v1.3.2 h1:o7IhLm0Msx3BaB+n3Ag7L8EVlByGnpq14C4YWiu/gL8=
github.com/BurntSushi/toml v1.3.2/go.mod h1:CxXYINrC8qIiEnFrOxCa7Jy5BFHlXnUU2pbicEuybxQ=
github.com/fork/errors v0.9.2 h1:aaa=
golang.org/x/sys v0.12.0 h1:CM0HF96J0hcLAwsHPJZjfdNzs0gftsLfgKt57wWHJ0o=
golang.org/x/sys v0.12.0/go.mod h1:oPkhp1MJrh7nUepCBck5+mAzfO9JrbApNNgaTdGDITg=
gopkg.in/yaml.v2 v2.4.0 h1:D8xgwECY7CYvx+Y2n4sBz93Jn9JRvxdiyyo8CTfuKaY=
";

const MOD: &str = "module example.com/shop // the shop

go 1.21.0

toolchain go1.21.3

require (
	github.com/BurntSushi/toml v1.3.2
	github.com/pkg/errors v0.9.1 // indirect
	\"golang.org/x/sys\" v0.12.0 // indirect; for windows
	example.com/own v0.0.0-20230101000000-0123456789ab
	example.com/old v1.0.0
)

require gopkg.in/yaml.v2 v2.4.0+incompatible

replace (
	github.com/pkg/errors v0.9.1 => github.com/fork/errors v0.9.2
	example.com/own => ../own
)

exclude example.com/old v1.0.0

retract (
	v1.0.0 // a mistake
	[v1.1.0, v1.2.0]
)

tool golang.org/x/tools/cmd/stringer
";

#[test]
fn go_mod() {
    check(
        &[("go.mod", MOD), ("go.sum", SUM)],
        "
        8 pkg:golang/github.com/burntsushi/toml@v1.3.2 direct #h1:o7IhLm0Msx3BaB+n3Ag7L8EVlByGnpq14C4YWiu/gL8=
        9 pkg:golang/github.com/fork/errors@v0.9.2 indirect ?github.com/pkg/errors v0.9.1 #h1:aaa=
        10 pkg:golang/golang.org/x/sys@v0.12.0 indirect #h1:CM0HF96J0hcLAwsHPJZjfdNzs0gftsLfgKt57wWHJ0o=
        15 pkg:golang/gopkg.in/yaml.v2@v2.4.0%2Bincompatible direct
        5 pkg:golang/stdlib@1.21.3 direct
        ",
    );
    check(&[("go.mod", "module a\n\ngo 1.22\n")], "");
    check(&[("go.mod", "")], "!! 0 the file is empty");
}

#[test]
fn before_go_1_17_the_digests_tell_the_rest() {
    check(
        &[("a/go.mod", "module a\n\ngo 1.16\n\nrequire github.com/BurntSushi/toml v1.3.2\n"), ("a/go.sum", SUM)],
        "
        5 pkg:golang/github.com/burntsushi/toml@v1.3.2 direct #h1:o7IhLm0Msx3BaB+n3Ag7L8EVlByGnpq14C4YWiu/gL8=
        3 pkg:golang/github.com/fork/errors@v0.9.2 indirect #h1:aaa= @a/go.sum:3
        4 pkg:golang/golang.org/x/sys@v0.12.0 indirect #h1:CM0HF96J0hcLAwsHPJZjfdNzs0gftsLfgKt57wWHJ0o= @a/go.sum:4
        6 pkg:golang/gopkg.in/yaml.v2@v2.4.0 indirect #h1:D8xgwECY7CYvx+Y2n4sBz93Jn9JRvxdiyyo8CTfuKaY= @a/go.sum:6
        ",
    );
    check(
        &[("go.mod", "module a\nrequire github.com/BurntSushi/toml v1.3.2\n"), ("go.sum", "a b\n")],
        "
        2 pkg:golang/github.com/burntsushi/toml@v1.3.2 direct
        ! go.sum:1 the line is no digest of a module
        ",
    );
}

#[test]
fn workspaces_replace_for_their_members() {
    let member = "module a\n\ngo 1.21\n\nrequire (\n\tx.example/y v1.0.0\n\tx.example/z v1.0.0\n)\n\nreplace x.example/y => x.example/other v1.5.0\n";
    let work = "go 1.21\n\nuse (\n\t./a\n\t./b\n)\n\nreplace x.example/y => x.example/best v2.0.0\n";
    check(
        &[("a/go.mod", member), ("go.work", work), ("go.work.sum", "x.example/z v1.0.0 h1:zzz=\n")],
        "
        6 pkg:golang/x.example/best@v2.0.0 direct ?x.example/y v1.0.0
        7 pkg:golang/x.example/z@v1.0.0 direct #h1:zzz=
        ",
    );
    check(
        &[("c/go.mod", member), ("go.work", work)],
        "
        6 pkg:golang/x.example/other@v1.5.0 direct ?x.example/y v1.0.0
        7 pkg:golang/x.example/z@v1.0.0 direct
        ",
    );
}

#[test]
fn wrong() {
    check(
        &[("go.mod", "module a\ngo 1.21\nrequire (\n\tb\n\tc v1.0.0\nrequire d v1.0.0\nreplace => x\nnonsense here\n")],
        "
        5 pkg:golang/c@v1.0.0 direct
        8 pkg:golang/nonsense direct
        !! 4 the line is not understood
        !! 6 the line is not understood
        !! 7 the line is not understood
        !! 3 the block `require` is not closed
        !! 8 `here` is no version of `nonsense`
        ",
    );
    check(
        &[("go.mod", "<<<<<<< HEAD\nrequire a.example/b v1.0.0\n=======\nrequire a.example/b v1.1.0\n>>>>>>> other\ngo 1.21\n")],
        "
        2 pkg:golang/a.example/b@v1.0.0 direct
        4 pkg:golang/a.example/b@v1.1.0 direct
        !! 1 the file has a merge conflict that is not resolved
        ",
    );
}
