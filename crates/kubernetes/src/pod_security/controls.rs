//! The names controls have in the standards, and the checks behind each.

/// A control of the standards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Control {
    /// Its name: `Privileged Containers`.
    pub name: &'static str,
    /// The checks that make it up.
    pub checks: &'static [&'static str],
    /// Whether its fields lie in the pod alone.
    pub pod_only: bool,
    /// Whether its fields lie in containers alone.
    pub containers_only: bool,
}

const fn entry(name: &'static str, checks: &'static [&'static str], pod_only: bool, containers_only: bool) -> Control {
    Control { name, checks, pod_only, containers_only }
}

const CONTROLS: &[Control] = &[
    entry("Capabilities", &["capabilities_baseline", "capabilities_restricted"], false, true),
    entry("Seccomp", &["seccompProfile_baseline", "seccompProfile_restricted"], false, false),
    entry("Privileged Containers", &["privileged"], false, true),
    entry("Host Ports", &["hostPorts"], false, true),
    entry("/proc Mount Type", &["procMount"], false, true),
    entry("HostProcess", &["windowsHostProcess"], false, false),
    entry("SELinux", &["seLinuxOptions"], false, false),
    entry("Host Namespaces", &["hostNamespaces"], true, false),
    entry("HostPath Volumes", &["hostPathVolumes"], true, false),
    entry("Sysctls", &["sysctls"], true, false),
    entry("AppArmor", &["appArmorProfile"], false, false),
    entry("Privilege Escalation", &["allowPrivilegeEscalation"], false, true),
    entry("Running as Non-root", &["runAsNonRoot"], false, false),
    entry("Running as Non-root user", &["runAsUser"], false, false),
    entry("Volume Types", &["restrictedVolumes"], true, false),
];

/// The control of a name.
#[must_use]
pub fn control(name: &str) -> Option<&'static Control> {
    CONTROLS.iter().find(|control| control.name == name)
}

impl Control {
    /// All of them.
    #[must_use]
    pub const fn all() -> &'static [Control] {
        CONTROLS
    }
}
