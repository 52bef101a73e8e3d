//! The network resources of CloudFormation as entries.

use probity_core::Subject;
use probity_value::{Map, Span, Value};

use super::{Entry, Names, Tri, entry, items_of};
use crate::compare::as_text;
use crate::truth::Trail;

const GROUP: Names =
    Names { from: "FromPort", to: "ToPort", protocol: "IpProtocol", cidrs: &["CidrIp", "CidrIpv6"], action: None, number: None };
// An entry resource is judged alone; what other entries of its list deny is not weighed.
const ACL_ENTRY: Names = Names {
    from: "From",
    to: "To",
    protocol: "Protocol",
    cidrs: &["CidrBlock", "Ipv6CidrBlock"],
    action: Some("RuleAction"),
    number: None,
};

/// The entries of a resource in one direction; `None` where it is no network resource.
pub(super) fn entries(subject: &Subject, egress: bool) -> Option<Vec<Entry>> {
    let nothing = Value::map(Map::new(), subject.head);
    let properties = subject.value.get("Properties").unwrap_or(&nothing);
    let trail = Trail::default().name("Properties");
    let group = |name: &str| {
        if properties.is_unknown() {
            return Some(items_of(properties, &trail, &GROUP));
        }
        let list = properties.get(name).filter(|list| !list.is_null())?;
        Some(items_of(list, &trail.name(name), &GROUP))
    };
    Some(match &*subject.type_name {
        "AWS::EC2::SecurityGroup" if !egress => group("SecurityGroupIngress").unwrap_or_default(),
        // Where nothing is said AWS lets everything out.
        "AWS::EC2::SecurityGroup" => group("SecurityGroupEgress").unwrap_or_else(|| open(&trail, subject.head)),
        "AWS::EC2::SecurityGroupIngress" if egress => Vec::new(),
        "AWS::EC2::SecurityGroupEgress" if !egress => Vec::new(),
        "AWS::EC2::SecurityGroupIngress" | "AWS::EC2::SecurityGroupEgress" => items_of(properties, &trail, &GROUP),
        "AWS::EC2::NetworkAclEntry" => acl_entry(properties, &trail, egress),
        _ => return None,
    })
}

/// Everything, everywhere.
fn open(trail: &Trail, at: Span) -> Vec<Entry> {
    let mut map = Map::new();
    map.insert("IpProtocol", at, Value::string("-1", at));
    map.insert("CidrIp", at, Value::string("0.0.0.0/0", at));
    vec![entry(&map, trail.clone(), at, &GROUP)]
}

fn acl_entry(properties: &Value, trail: &Trail, egress: bool) -> Vec<Entry> {
    let out = properties.get("Egress").filter(|value| !value.is_null());
    let this = match out {
        None => Tri::known(!egress),
        Some(value) if value.is_unknown() => Tri::Maybe(value.clone()),
        Some(value) => Tri::known((as_text(value).as_deref() == Some("true")) == egress),
    };
    if matches!(this, Tri::No) {
        return Vec::new();
    }
    let Some(map) = properties.as_map() else { return items_of(properties, trail, &ACL_ENTRY) };
    let mut map = Map::clone(map);
    match map.get("PortRange").cloned() {
        Some(range) if range.is_unknown() => {
            for name in ["From", "To"] {
                map.insert(name, range.span, range.clone());
            }
        }
        Some(range) => {
            for (name, part) in range.as_map().into_iter().flat_map(Map::iter) {
                map.insert(name.as_ref(), part.key, part.value.clone());
            }
        }
        None => {}
    }
    let mut entry = entry(&map, trail.clone(), properties.span, &ACL_ENTRY);
    entry.allow = Tri::all([this, entry.allow]);
    vec![entry]
}

/// Whether an attribute is the range of a VPC or subnet, which never is the world.
pub(super) fn is_own_range(attribute: &str) -> bool {
    matches!(attribute, "CidrBlock" | "CidrBlockAssociations" | "Ipv6CidrBlock" | "Ipv6CidrBlocks")
}
