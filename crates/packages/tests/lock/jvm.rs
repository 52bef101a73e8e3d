//! Maven and Gradle.

use crate::{check, check_bytes};

const PARENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>com.example</groupId>
  <artifactId>parent</artifactId>
  <version>${revision}</version>
  <packaging>pom</packaging>
  <properties>
    <revision>2.0.0</revision>
    <jackson.version>2.15.2</jackson.version>
    <jackson.databind>${jackson.version}</jackson.databind>
  </properties>
  <dependencyManagement>
    <dependencies>
      <dependency>
        <groupId>com.fasterxml.jackson.core</groupId>
        <artifactId>jackson-databind</artifactId>
        <version>${jackson.databind}</version>
      </dependency>
      <dependency>
        <groupId>junit</groupId>
        <artifactId>junit</artifactId>
        <version>4.13.2</version>
        <scope>test</scope>
      </dependency>
      <dependency>
        <groupId>com.example</groupId>
        <artifactId>bom</artifactId>
        <version>1</version>
        <type>pom</type>
        <scope>import</scope>
      </dependency>
    </dependencies>
  </dependencyManagement>
</project>
"#;

const BOM: &str =
    "<project><groupId>com.example</groupId><artifactId>bom</artifactId><version>1</version><dependencyManagement><dependencies>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-api</artifactId><version>2.0.9</version></dependency>
</dependencies></dependencyManagement></project>";

const POM: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <parent>
    <groupId>com.example</groupId>
    <artifactId>parent</artifactId>
    <version>2.0.0</version>
  </parent>
  <artifactId>shop</artifactId>
  <properties><spring>6.0.11</spring></properties>
  <dependencies>
    <dependency>
      <groupId>com.fasterxml.jackson.core</groupId>
      <artifactId>jackson-databind</artifactId>
    </dependency>
    <dependency>
      <groupId>junit</groupId>
      <artifactId>junit</artifactId>
    </dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-api</artifactId></dependency>
    <!-- <dependency><groupId>commented</groupId><artifactId>out</artifactId><version>1</version></dependency> -->
    <dependency>
      <groupId>org.springframework</groupId>
      <artifactId>spring-core</artifactId>
      <version>${spring}</version>
      <optional>true</optional>
    </dependency>
    <dependency>
      <groupId>jakarta.servlet</groupId>
      <artifactId>jakarta.servlet-api</artifactId>
      <version>[6.0.0]</version>
      <scope>provided</scope>
    </dependency>
    <dependency>
      <groupId>${project.groupId}</groupId>
      <artifactId>core</artifactId>
      <version>${project.version}</version>
      <type>test-jar</type>
      <classifier>tests</classifier>
    </dependency>
    <dependency><groupId>a</groupId><artifactId>range</artifactId><version>[1.0,2.0)</version></dependency>
    <dependency><groupId>a</groupId><artifactId>unknown</artifactId><version>${nowhere}</version></dependency>
    <dependency><groupId>a</groupId><artifactId>native</artifactId><version>1.0</version><type>so</type><classifier>linux</classifier></dependency>
    <dependency><artifactId>no-group</artifactId></dependency>
  </dependencies>
  <build>
    <pluginManagement><plugins><plugin><artifactId>maven-jar-plugin</artifactId><version>3.3.0</version></plugin></plugins></pluginManagement>
    <plugins>
      <plugin><artifactId>maven-jar-plugin</artifactId></plugin>
      <plugin><artifactId>maven-clean-plugin</artifactId></plugin>
      <plugin><groupId>org.codehaus.mojo</groupId><artifactId>exec-maven-plugin</artifactId><version>3.1.0</version></plugin>
    </plugins>
    <extensions><extension><groupId>kr.motd.maven</groupId><artifactId>os-maven-plugin</artifactId><version>1.7.1</version></extension></extensions>
  </build>
  <profiles>
    <profile>
      <id>mac</id>
      <dependencies><dependency><groupId>a</groupId><artifactId>mac</artifactId><version>1.0</version></dependency></dependencies>
    </profile>
  </profiles>
</project>
"#;

#[test]
fn pom() {
    check(
        &[("shop/pom.xml", POM), ("pom.xml", PARENT), ("bom/pom.xml", BOM)],
        "
        10 pkg:maven/com.fasterxml.jackson.core/jackson-databind@2.15.2 direct ?2.15.2
        14 pkg:maven/junit/junit@4.13.2 dev direct ?4.13.2
        18 pkg:maven/org.slf4j/slf4j-api@2.0.9 direct ?2.0.9
        20 pkg:maven/org.springframework/spring-core@6.0.11 optional direct ?6.0.11
        26 pkg:maven/jakarta.servlet/jakarta.servlet-api@6.0.0 build direct ?[6.0.0]
        32 pkg:maven/com.example/core@2.0.0?classifier=tests direct ?2.0.0
        39 pkg:maven/a/range direct ?[1.0,2.0)
        40 pkg:maven/a/unknown direct ?${nowhere}
        41 pkg:maven/a/native@1.0?classifier=linux&type=so direct ?1.0
        47 pkg:maven/org.apache.maven.plugins/maven-jar-plugin@3.3.0 build direct ?3.3.0
        49 pkg:maven/org.codehaus.mojo/exec-maven-plugin@3.1.0 build direct ?3.1.0
        51 pkg:maven/kr.motd.maven/os-maven-plugin@1.7.1 build direct ?1.7.1
        56 pkg:maven/a/mac@1.0 optional direct ?1.0
        !! 42 a dependency has no group or no name
        ! 40 the version of `a:unknown` is not known: it is not said here
        ",
    );
    check(&[("shop/pom.xml", POM)], "
        10 pkg:maven/com.fasterxml.jackson.core/jackson-databind direct
        14 pkg:maven/junit/junit direct
        18 pkg:maven/org.slf4j/slf4j-api direct
        20 pkg:maven/org.springframework/spring-core@6.0.11 optional direct ?6.0.11
        26 pkg:maven/jakarta.servlet/jakarta.servlet-api@6.0.0 build direct ?[6.0.0]
        32 pkg:maven/com.example/core@2.0.0?classifier=tests direct ?2.0.0
        39 pkg:maven/a/range direct ?[1.0,2.0)
        40 pkg:maven/a/unknown direct ?${nowhere}
        41 pkg:maven/a/native@1.0?classifier=linux&type=so direct ?1.0
        47 pkg:maven/org.apache.maven.plugins/maven-jar-plugin@3.3.0 build direct ?3.3.0
        49 pkg:maven/org.codehaus.mojo/exec-maven-plugin@3.1.0 build direct ?3.1.0
        51 pkg:maven/kr.motd.maven/os-maven-plugin@1.7.1 build direct ?1.7.1
        56 pkg:maven/a/mac@1.0 optional direct ?1.0
        !! 42 a dependency has no group or no name
        ! 10 the version of `com.fasterxml.jackson.core:jackson-databind` (and 3 more) is not known: it may come from `com.example:parent`, not in the repository
        ");
    check(
        &[("x/shop/pom.xml", POM), ("elsewhere/pom.xml", PARENT)],
        "
        10 pkg:maven/com.fasterxml.jackson.core/jackson-databind@2.15.2 direct ?2.15.2
        14 pkg:maven/junit/junit@4.13.2 dev direct ?4.13.2
        18 pkg:maven/org.slf4j/slf4j-api direct
        20 pkg:maven/org.springframework/spring-core@6.0.11 optional direct ?6.0.11
        26 pkg:maven/jakarta.servlet/jakarta.servlet-api@6.0.0 build direct ?[6.0.0]
        32 pkg:maven/com.example/core@2.0.0?classifier=tests direct ?2.0.0
        39 pkg:maven/a/range direct ?[1.0,2.0)
        40 pkg:maven/a/unknown direct ?${nowhere}
        41 pkg:maven/a/native@1.0?classifier=linux&type=so direct ?1.0
        47 pkg:maven/org.apache.maven.plugins/maven-jar-plugin@3.3.0 build direct ?3.3.0
        49 pkg:maven/org.codehaus.mojo/exec-maven-plugin@3.1.0 build direct ?3.1.0
        51 pkg:maven/kr.motd.maven/os-maven-plugin@1.7.1 build direct ?1.7.1
        56 pkg:maven/a/mac@1.0 optional direct ?1.0
        !! 42 a dependency has no group or no name
        ! 18 the version of `org.slf4j:slf4j-api` (and 1 more) is not known: it may come from `com.example:bom`, not in the repository
        ",
    );
}

#[test]
fn poms_that_are_wrong() {
    check(&[("pom.xml", "<settings/>")], "!! 1 `settings` is no project of Maven");
    check(&[("pom.xml", "")], "!! 0 the file is empty");
    check(
        &[(
            "pom.xml",
            "<project><dependencies>\n<dependency><groupId>a</groupId><artifactId>b</artifactId><version>1</version></dependency>\n<dependency><groupId>c</gr",
        )],
        "
        2 pkg:maven/a/b@1 direct ?1
        !! 3 the XML is broken: unexpected end of stream
        !! 3 a dependency has no group or no name
        ",
    );
    check(&[("pom.xml", "<!DOCTYPE project [<!ENTITY a \"b\">]>\n<project/>")], "!! 1 the XML is broken: XML with DTD detected");
    // Properties, parents and imports that lead to themselves.
    check(
        &[(
            "pom.xml",
            "<project><parent><groupId>g</groupId><artifactId>a</artifactId><relativePath>pom.xml</relativePath></parent><groupId>g</groupId><artifactId>a</artifactId>\n<properties><x>${y}</x><y>${x}${x}</y></properties>\n<dependencyManagement><dependencies><dependency><groupId>g</groupId><artifactId>a</artifactId><type>pom</type><scope>import</scope></dependency></dependencies></dependencyManagement><dependencies>\n<dependency><groupId>a</groupId><artifactId>b</artifactId><version>${x}</version></dependency></dependencies></project>",
        )],
        "
        4 pkg:maven/a/b direct ?${x}
        ! 4 the version of `a:b` is not known: it may come from `g:a`, not in the repository
        ",
    );
}

#[test]
fn nested_deep() {
    let deep = format!("<project>{}{}</project>", "<a>".repeat(100_000), "</a>".repeat(100_000));
    check_bytes(&[("pom.xml", deep.as_bytes())], "!! 1 elements are nested too deep");
    // An attribute that looks as if its element were closed.
    let hidden = format!("<project>{}</project>", "<a b='/>'>".repeat(100_000));
    check_bytes(&[("pom.xml", hidden.as_bytes())], "!! 1 elements are nested too deep");
    // Elements in a row with a sign in an attribute are not deep.
    let flat = format!("<project>{}</project>", "<a b='x > 1'/>\n".repeat(1_000));
    check_bytes(&[("pom.xml", flat.as_bytes())], "");
}

#[test]
fn gradle_lock() {
    check(
        &[(
            "gradle.lockfile",
            "# This is a Gradle generated file for dependency locking.
# Manual edits can break the build and are not advised.
# This file is expected to be part of source control.
com.google.guava:guava:32.1.2-jre=compileClasspath,runtimeClasspath,testCompileClasspath,testRuntimeClasspath
junit:junit:4.13.2=testCompileClasspath,testRuntimeClasspath
org.projectlombok:lombok:1.18.28=annotationProcessor,compileClasspath
com.puppycrawl.tools:checkstyle:10.3=checkstyle
nothing=
a:b
empty=signatures
",
        )],
        "
        4 pkg:maven/com.google.guava/guava@32.1.2-jre
        5 pkg:maven/junit/junit@4.13.2 dev
        6 pkg:maven/org.projectlombok/lombok@1.18.28 build
        7 pkg:maven/com.puppycrawl.tools/checkstyle@10.3 dev
        !! 8 the line names no package
        !! 9 the line names no package
        ",
    );
    check(
        &[("buildscript-gradle.lockfile", "com.android.tools.build:gradle:8.1.0=classpath\nempty=\n")],
        "1 pkg:maven/com.android.tools.build/gradle@8.1.0 build",
    );
    check(&[("app/gradle/dependency-locks/testRuntimeClasspath.lockfile", "# x\njunit:junit:4.12\n")], "2 pkg:maven/junit/junit@4.12 dev");
}

#[test]
fn gradle_verification() {
    check(
        &[(
            "gradle/verification-metadata.xml",
            r#"<?xml version="1.0" encoding="UTF-8"?>
<verification-metadata xmlns="https://schema.gradle.org/dependency-verification">
   <configuration><verify-metadata>true</verify-metadata></configuration>
   <components>
      <component group="com.google.guava" name="guava" version="32.1.2-jre">
         <artifact name="guava-32.1.2-jre.jar">
            <sha256 value="bc65dea7cfd9e4dacf8419d8af0e741655857d27885bb35d943d7187fc3a8fce" origin="Generated by Gradle"/>
            <sha512 value="aa"/>
         </artifact>
         <artifact name="guava-32.1.2-jre.module"><sha256 value="bb"/></artifact>
      </component>
      <component group="a" name="b"/>
   </components>
</verification-metadata>
"#,
        )],
        "
        5 pkg:maven/com.google.guava/guava@32.1.2-jre #sha256:bc65dea7cfd9e4dacf8419d8af0e741655857d27885bb35d943d7187fc3a8fce #sha512:aa #sha256:bb
        !! 12 a component has no group, name or version
        ",
    );
}

#[test]
fn gradle_version_catalog() {
    check(
        &[(
            "gradle/libs.versions.toml",
            r#"[versions]
kotlin = "1.9.10"
okhttp = { strictly = "[4.9, 5.0[", prefer = "4.11.0" }
groovy = { require = "3.0.9" }

[libraries]
kotlin-stdlib = { module = "org.jetbrains.kotlin:kotlin-stdlib", version.ref = "kotlin" }
okhttp = { group = "com.squareup.okhttp3", name = "okhttp", version.ref = "okhttp" }
groovy = { module = "org.codehaus.groovy:groovy", version.ref = "groovy" }
guava = "com.google.guava:guava:32.1.2-jre"
managed = { module = "a:managed" }
short = "a:short"
dynamic = { module = "a:dynamic", version = "1.+" }
wrong = "nothing"

[bundles]
all = ["guava"]

[plugins]
kotlin = { id = "org.jetbrains.kotlin.jvm", version.ref = "kotlin" }
versions = "com.github.ben-manes.versions:0.48.0"
bad = { version = "1" }
"#,
        )],
        "
        7 pkg:maven/org.jetbrains.kotlin/kotlin-stdlib@1.9.10 direct ?1.9.10
        8 pkg:maven/com.squareup.okhttp3/okhttp direct ?[4.9, 5.0[
        9 pkg:maven/org.codehaus.groovy/groovy@3.0.9 direct ?3.0.9
        10 pkg:maven/com.google.guava/guava@32.1.2-jre direct ?32.1.2-jre
        11 pkg:maven/a/managed direct
        12 pkg:maven/a/short direct
        13 pkg:maven/a/dynamic direct ?1.+
        20 pkg:maven/org.jetbrains.kotlin.jvm/org.jetbrains.kotlin.jvm.gradle.plugin@1.9.10 build direct ?1.9.10
        21 pkg:maven/com.github.ben-manes.versions/com.github.ben-manes.versions.gradle.plugin@0.48.0 build direct ?0.48.0
        !! 14 `wrong` names no package
        !! 22 `bad` names no plugin
        ",
    );
}
