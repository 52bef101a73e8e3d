//! .NET.

use crate::check;

#[test]
fn packages_lock() {
    check(
        &[(
            "packages.lock.json",
            r#"{
  "version": 2,
  "dependencies": {
    "net6.0": {
      "Newtonsoft.Json": {
        "type": "Direct",
        "requested": "[13.0.3, )",
        "resolved": "13.0.3",
        "contentHash": "HrC5BXdl00IP9zeV+0Z848QWPAoCr9P3bDEZguI+gkLcBKAOxix/tLEAAHC+UvDNPv4a2d18lOReHMOagPa+zQ=="
      },
      "Serilog": { "type": "Direct", "requested": "[3.0.1, )", "resolved": "3.0.1", "dependencies": { "System.Memory": "4.5.4" } },
      "System.Memory": { "type": "Transitive", "resolved": "4.5.4", "contentHash": "abc==" },
      "Pinned": { "type": "CentralTransitive", "requested": "[1.0.0, )", "resolved": "1.0.0" },
      "shop.core": { "type": "Project", "dependencies": { "Pinned": "[1.0.0, )" } },
      "Broken": { "type": "Direct" }
    },
    "net6.0/linux-x64": { "System.Memory": { "type": "Transitive", "resolved": "4.5.5" } }
  }
}
"#,
        )],
        "
        5 pkg:nuget/Newtonsoft.Json@13.0.3 direct ?[13.0.3, ) #sha512-HrC5BXdl00IP9zeV+0Z848QWPAoCr9P3bDEZguI+gkLcBKAOxix/tLEAAHC+UvDNPv4a2d18lOReHMOagPa+zQ==
        11 pkg:nuget/Serilog@3.0.1 direct ?[3.0.1, )
        12 pkg:nuget/System.Memory@4.5.4 indirect #sha512-abc==
        13 pkg:nuget/Pinned@1.0.0 direct ?[1.0.0, )
        17 pkg:nuget/System.Memory@4.5.5 indirect
        Serilog > System.Memory
        !! 15 `Broken` has no version
        ",
    );
    check(&[("packages.lock.json", "{\"version\": 1, \"dependencies\": []}")], "!! 1 `dependencies` is no map");
    check(
        &[("packages.lock.json", "{\"version\": 8}")],
        "
        !! 1 the version of the lock file is not known
        !! 0 the file has no `dependencies`
        ",
    );
}

#[test]
fn assets() {
    check(
        &[(
            "obj/project.assets.json",
            r#"{
  "version": 3,
  "targets": {
    "net8.0": {
      "Serilog/3.0.1": { "type": "package", "dependencies": { "System.Memory": "4.5.4" }, "compile": {} },
      "System.Memory/4.5.4": { "type": "package" },
      "Shop.Core/1.0.0": { "type": "project", "dependencies": { "Serilog": "3.0.1" } }
    }
  },
  "libraries": {
    "Serilog/3.0.1": { "sha512": "abc==", "type": "package", "path": "serilog/3.0.1", "files": [] },
    "System.Memory/4.5.4": { "sha512": "def==", "type": "package" },
    "Shop.Core/1.0.0": { "type": "project", "path": "../Core/Core.csproj" },
    "NoVersion": { "type": "package" }
  },
  "project": { "version": "1.0.0", "frameworks": { "net8.0": { "dependencies": { "Serilog": { "target": "Package", "version": "[3.0.1, )" } } } } }
}
"#,
        )],
        "
        11 pkg:nuget/Serilog@3.0.1 direct ?[3.0.1, ) #sha512-abc==
        12 pkg:nuget/System.Memory@4.5.4 indirect #sha512-def==
        Serilog > System.Memory
        !! 14 `NoVersion` names no package and version
        ",
    );
    check(
        &[(
            "bin/Shop.deps.json",
            r#"{
  "runtimeTarget": { "name": ".NETCoreApp,Version=v8.0", "signature": "" },
  "targets": {
    ".NETCoreApp,Version=v8.0": {
      "Shop/1.0.0": { "dependencies": { "Serilog": "3.0.1" }, "runtime": { "Shop.dll": {} } },
      "Serilog/3.0.1": { "runtime": { "lib/net6.0/Serilog.dll": {} } }
    }
  },
  "libraries": {
    "Shop/1.0.0": { "type": "project", "serviceable": false, "sha512": "" },
    "Serilog/3.0.1": { "type": "package", "serviceable": true, "sha512": "sha512-abc==", "path": "serilog/3.0.1" },
    "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.0": { "type": "runtimepack", "sha512": "" }
  }
}
"#,
        )],
        "
        11 pkg:nuget/Serilog@3.0.1 direct #sha512-abc==
        12 pkg:nuget/Microsoft.NETCore.App.Runtime.linux-x64@8.0.0
        ",
    );
    check(&[("obj/project.assets.json", "{\"libraries\": 1}")], "!! 1 `libraries` is no map");
}

#[test]
fn packages_config() {
    check(
        &[(
            "packages.config",
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<packages>\r\n  <package id=\"jQuery\" version=\"3.6.0\" targetFramework=\"net48\" />\r\n  <package id=\"xunit\" version=\"2.4.1\" developmentDependency=\"true\" allowedVersions=\"[2,3)\" />\r\n  <package id=\"x\" />\r\n</packages>\r\n",
        )],
        "
        3 pkg:nuget/jQuery@3.6.0
        4 pkg:nuget/xunit@2.4.1 dev ?[2,3)
        !! 5 a package has no id or no version
        ",
    );
}

#[test]
fn projects() {
    let project = r#"<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>net8.0</TargetFramework>
    <SerilogVersion>3.0.1</SerilogVersion>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Serilog" Version="$(SerilogVersion)" />
    <PackageReference Include="Newtonsoft.Json" />
    <PackageReference Include="Polly"><Version>[7.2.4]</Version></PackageReference>
    <PackageReference Include="Range" Version="[1.0,2.0)" />
    <PackageReference Include="Floating" Version="1.*" />
    <PackageReference Include="Analyzer" Version="1.0.0" PrivateAssets="all" />
    <PackageReference Update="Changed" Version="1.0.0" />
    <PackageReference Include="Over" VersionOverride="9.0.0" />
    <ProjectReference Include="../Core/Core.csproj" />
  </ItemGroup>
  <ItemGroup Condition="'$(TargetFramework)' != 'net48'">
    <PackageReference Include="Unknown" Version="$(Nowhere)" />
  </ItemGroup>
</Project>
"#;
    check(
        &[("src/Shop/Shop.csproj", project)],
        "
        7 pkg:nuget/Serilog@3.0.1 direct ?3.0.1
        8 pkg:nuget/Newtonsoft.Json direct
        9 pkg:nuget/Polly@7.2.4 direct ?[7.2.4]
        10 pkg:nuget/Range direct ?[1.0,2.0)
        11 pkg:nuget/Floating direct ?1.*
        12 pkg:nuget/Analyzer@1.0.0 dev direct ?1.0.0
        14 pkg:nuget/Over@9.0.0 direct ?9.0.0
        18 pkg:nuget/Unknown direct ?$(Nowhere)
        ",
    );
    check(
        &[
            ("src/Shop/Shop.csproj", project),
            (
                "Directory.Packages.props",
                "<Project><PropertyGroup><Json>13.0.3</Json></PropertyGroup><ItemGroup><PackageVersion Include=\"newtonsoft.json\" Version=\"$(Json)\" /><PackageVersion Include=\"Over\" Version=\"1.0.0\" />\n<GlobalPackageReference Include=\"GitVersion\" Version=\"5.12.0\" /></ItemGroup></Project>",
            ),
            ("Directory.Build.props", "<Project><PropertyGroup><Nowhere>4.5.6</Nowhere></PropertyGroup></Project>"),
        ],
        "
        7 pkg:nuget/Serilog@3.0.1 direct ?3.0.1
        8 pkg:nuget/Newtonsoft.Json@13.0.3 direct ?13.0.3
        9 pkg:nuget/Polly@7.2.4 direct ?[7.2.4]
        10 pkg:nuget/Range direct ?[1.0,2.0)
        11 pkg:nuget/Floating direct ?1.*
        12 pkg:nuget/Analyzer@1.0.0 dev direct ?1.0.0
        14 pkg:nuget/Over@9.0.0 direct ?9.0.0
        18 pkg:nuget/Unknown@4.5.6 direct ?4.5.6
        2 pkg:nuget/GitVersion@5.12.0 dev direct ?5.12.0 @Directory.Packages.props:2
        ",
    );
    check(&[("Shop.csproj", project), ("packages.lock.json", "{}")], "");
    check(
        &[("Shop.fsproj", "<Project><ItemGroup><PackageReference Include=\"A\" Version=\"1.0\"")],
        "!! 1 the XML is broken: the root node was opened but never closed",
    );
}
