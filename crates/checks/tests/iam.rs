//! IAM policies: statements in one shape, and what they allow with their Deny statements and conditions.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test touches the world on purpose and fails by panicking"
)]

mod support;

use support::{judge, shown, status};

/// Judges a policy of JSON statements: `pass` where it allows what is asked.
fn allows(ask: &str, statements: &str) -> String {
    let check = format!("fail_unless: {{ path: policy, allows: {ask} }}");
    status(judge(&check, &[("aws_iam_policy.x", &format!("{{policy: {{Version: '2012-10-17', Statement: {statements}}}}}"))]))
}

#[test]
fn actions_and_resources() {
    let check = |ask: &str, statements: &str, expected: &str| assert_eq!(allows(ask, statements), expected, "{ask} {statements}");
    let admin = "{Effect: Allow, Action: '*', Resource: '*'}";
    check("{ action: '*' }", admin, "pass");
    check("{ action: '*', resource: '*' }", &format!("[{admin}]"), "pass");
    check("{ action: 'iam:PassRole' }", admin, "pass");
    check("{ action: '*' }", "[{Effect: Allow, Action: ['*:*'], Resource: '*'}]", "pass");
    check("{ action: '*' }", "[{Effect: Allow, Action: ['s3:*'], Resource: '*'}]", "fail");
    check("{ action: 's3:*' }", "[{Effect: Allow, Action: ['s3:*'], Resource: '*'}]", "pass");
    check("{ action: 's3:*' }", "[{Effect: Allow, Action: ['s3:Get*'], Resource: '*'}]", "fail");
    check("{ action: 'S3:getobject' }", "[{Effect: Allow, Action: ['s3:Get*'], Resource: '*'}]", "pass");
    check("{ action: ['iam:*', 's3:GetObject'] }", "[{Effect: Allow, Action: 's3:Get*', Resource: '*'}]", "pass");
    check("{ action: 's3:GetObject', resource: '*' }", "[{Effect: Allow, Action: 's3:Get*', Resource: 'arn:aws:s3:::b/*'}]", "fail");
    check(
        "{ action: 's3:GetObject', resource: 'arn:aws:s3:::b/k' }",
        "[{Effect: Allow, Action: 's3:Get*', Resource: 'arn:aws:s3:::b/*'}]",
        "pass",
    );
    check("{ action: 's3:GetObject' }", "[{Effect: Deny, Action: 's3:Get*', Resource: '*'}]", "fail");
    check("{ action: 's3:GetObject' }", "[]", "fail");
    // NotAction and NotResource speak of everything else.
    check("{ action: 's3:GetObject' }", "[{Effect: Allow, NotAction: 'iam:*', Resource: '*'}]", "pass");
    check("{ action: 'iam:PassRole' }", "[{Effect: Allow, NotAction: 'iam:*', Resource: '*'}]", "fail");
    check("{ action: '*' }", "[{Effect: Allow, NotAction: 'iam:*', Resource: '*'}]", "fail");
    check("{ action: 's3:*' }", "[{Effect: Allow, NotAction: 's3:Get*', Resource: '*'}]", "fail");
    check("{ action: 'a:b', resource: 'arn:x' }", "[{Effect: Allow, Action: '*', NotResource: 'arn:y'}]", "pass");
    check("{ action: 'a:b', resource: '*' }", "[{Effect: Allow, Action: '*', NotResource: 'arn:y'}]", "fail");
}

#[test]
fn deny_takes_away() {
    let check = |ask: &str, deny: &str, expected: &str| {
        let statements = format!("[{{Effect: Allow, Action: '*', Resource: '*'}}, {{Effect: Deny, {deny}}}]");
        assert_eq!(allows(ask, &statements), expected, "{ask} {deny}");
    };
    check("{ action: 'iam:PassRole' }", "Action: 'iam:*', Resource: '*'", "fail");
    check("{ action: 'iam:PassRole' }", "Action: 's3:*', Resource: '*'", "pass");
    // A Deny of a part leaves the rest.
    check("{ action: '*' }", "Action: 'iam:*', Resource: '*'", "pass");
    check("{ action: '*' }", "Action: '*', Resource: '*'", "fail");
    check("{ action: 'iam:PassRole' }", "Action: 'iam:*', Resource: 'arn:aws:iam::1:role/x'", "pass");
    check("{ action: 'iam:PassRole', resource: 'arn:aws:iam::1:role/x' }", "Action: 'iam:*', Resource: 'arn:aws:iam::1:role/*'", "fail");
    check("{ action: 'iam:PassRole' }", "NotAction: 's3:*', Resource: '*'", "fail");
    check("{ action: 's3:GetObject' }", "NotAction: 's3:*', Resource: '*'", "pass");
    check("{ action: 'iam:PassRole' }", "Action: '*', Resource: '*', Condition: {Bool: {'aws:MultiFactorAuthPresent': 'false'}}", "pass");
    check("{ action: 'iam:PassRole' }", "Action: '*', Resource: '?v'", "unknown");
    check("{ action: 'iam:PassRole' }", "Action: '?v', Resource: '*'", "unknown");
}

#[test]
fn an_unknown_statement_hides_no_other() {
    let check = |statements: &str, expected: &str| assert_eq!(allows("{ action: 'iam:PassRole' }", statements), expected, "{statements}");
    let allow = "{Effect: Allow, Action: '*', Resource: '*'}";
    check("[?v]", "unknown");
    check(&format!("[{allow}, {{Effect: Allow, Action: '?v', Resource: '*'}}]"), "pass");
    // What is unknown may take it away again.
    check(&format!("[{allow}, ?v]"), "unknown");
    let some = |statements: &str| {
        let check =
            "fail_if: { some: policy.$statements, is: { all: [{ path: effect, equals: Allow }, { path: actions, contains: '*' }] } }";
        status(judge(check, &[("aws_iam_policy.x", &format!("{{policy: {{Statement: {statements}}}}}"))]))
    };
    assert_eq!(some(&format!("[?v, {allow}]")), "fail");
    assert_eq!(some("[?v, {Effect: Allow, Action: 's3:*'}]"), "unknown");
    // Text with a known beginning is text, not a list.
    assert_eq!(some("[{Effect: Allow, Action: '?v=s3:'}]"), "pass");
    assert_eq!(some("[{Effect: Allow, Action: '?v'}]"), "unknown");
}

#[test]
fn a_document_made_of_others_is_what_comes_out() {
    let check = |text: &str, expected: &str| {
        let check = "fail_if: { some: $statements, is: { path: actions, contains: '*' } }";
        assert_eq!(status(judge(check, &[("data.aws_iam_policy_document", text)])), expected, "{text}");
    };
    let own = "statement: [{actions: ['*']}]";
    check(&format!("{{{own}}}"), "fail");
    check(&format!("{{{own}, json: '{{\"Statement\":[{{\"Effect\":\"Allow\",\"Action\":\"s3:*\"}}]}}'}}").replace("\\\"", "\""), "pass");
    check(&format!("{{{own}, json: '?v'}}"), "fail");
}

#[test]
fn anyone_and_conditions() {
    let check = |statement: &str, expected: &str| {
        let ask = "{ action: 's3:GetObject', principal: anyone }";
        assert_eq!(allows(ask, &format!("[{{Effect: Allow, Action: 's3:*', Resource: '*', {statement}}}]")), expected, "{statement}");
    };
    check("Principal: '*'", "pass");
    check("Principal: {AWS: '*'}", "pass");
    check("Principal: {AWS: ['arn:aws:iam::1:root', '*']}", "pass");
    check("Principal: {AWS: 'arn:aws:iam::1:root'}", "fail");
    check("Principal: {Service: 'sns.amazonaws.com'}", "fail");
    check("NotPrincipal: {AWS: 'arn:aws:iam::1:root'}", "pass");
    check("Sid: x", "fail");
    check("Principal: {AWS: '?v'}", "unknown");
    check("Principal: {AWS: '?ref:aws_iam_role.r.arn'}", "fail");
    check("Principal: {AWS: '?v=arn:aws:iam::'}", "fail");
    let narrowed = |condition: &str, expected: &str| check(&format!("Principal: '*', Condition: {condition}"), expected);
    narrowed("{StringEquals: {'aws:SourceAccount': '123456789012'}}", "fail");
    narrowed("{StringEquals: {'aws:sourceaccount': ['123456789012']}}", "fail");
    narrowed("{StringLike: {'aws:SourceAccount': '*'}}", "pass");
    narrowed("{StringEqualsIfExists: {'aws:SourceAccount': '1'}}", "pass");
    narrowed("{'ForAllValues:StringEquals': {'aws:PrincipalOrgID': 'o-1'}}", "pass");
    narrowed("{'ForAnyValue:StringLike': {'aws:PrincipalOrgPaths': 'o-1/*'}}", "fail");
    narrowed("{StringEquals: {'aws:PrincipalOrgID': 'o-1'}}", "fail");
    narrowed("{StringNotEquals: {'aws:PrincipalOrgID': 'o-1'}}", "pass");
    narrowed("{StringEquals: {'aws:SourceVpce': 'vpce-1'}}", "fail");
    narrowed("{Bool: {'aws:SecureTransport': 'true'}}", "pass");
    narrowed("{Bool: {'aws:PrincipalIsAWSService': 'true'}}", "fail");
    narrowed("{ArnLike: {'aws:SourceArn': 'arn:aws:s3:::bucket'}}", "fail");
    narrowed("{ArnLike: {'aws:SourceArn': 'arn:aws:sns:*:*:*'}}", "pass");
    narrowed("{ArnLike: {'aws:SourceArn': 'arn:aws:sns:*:123456789012:*'}}", "fail");
    narrowed("{ArnEquals: {'aws:SourceArn': '?ref:aws_sns_topic.t.arn'}}", "fail");
    narrowed("{StringEquals: {'aws:SourceAccount': '?data'}}", "fail");
    narrowed("{StringEquals: {'aws:SourceAccount': '?v'}}", "unknown");
    narrowed("{IpAddress: {'aws:SourceIp': ['10.0.0.0/8']}}", "fail");
    narrowed("{IpAddress: {'aws:SourceIp': '0.0.0.0/0'}}", "pass");
    narrowed("{IpAddress: {'aws:SourceIp': ['0.0.0.0/1', '128.0.0.0/1']}}", "pass");
    narrowed("?v", "unknown");
}

#[test]
fn deny_narrows_for_anyone() {
    let check = |deny: &str, expected: &str| {
        let statements = format!(
            "[{{Effect: Allow, Principal: '*', Action: 's3:GetObject', Resource: 'arn:b/*'}}, {{Effect: Deny, Action: 's3:*', {deny}}}]"
        );
        assert_eq!(allows("{ action: 's3:GetObject', principal: anyone }", &statements), expected, "{deny}");
    };
    check("Principal: '*', Resource: '*'", "fail");
    check("Principal: {AWS: 'arn:aws:iam::1:root'}, Resource: '*'", "pass");
    check("NotPrincipal: {AWS: 'arn:aws:iam::1:root'}, Resource: '*'", "fail");
    check("Principal: '*', Resource: '*', Condition: {StringNotEquals: {'aws:PrincipalOrgID': 'o-1'}}", "fail");
    check("Principal: '*', Resource: '*', Condition: {StringNotEqualsIfExists: {'aws:PrincipalOrgID': 'o-1'}}", "fail");
    check("Principal: '*', Resource: '*', Condition: {NotIpAddress: {'aws:SourceIp': '10.0.0.0/8'}}", "fail");
    check("Principal: '*', Resource: '*', Condition: {Bool: {'aws:SecureTransport': 'false'}}", "pass");
    check("Principal: '*', Resource: 'arn:other/*', Condition: {StringNotEquals: {'aws:PrincipalOrgID': 'o-1'}}", "pass");
}

#[test]
fn principals_by_id() {
    let check = |statement: &str, expected: &str| {
        let ask = "{ action: 'sts:AssumeRole', principal: 'arn:aws:iam::1:root' }";
        assert_eq!(allows(ask, &format!("[{{Effect: Allow, Action: 'sts:AssumeRole', {statement}}}]")), expected, "{statement}");
    };
    check("Principal: {AWS: 'arn:aws:iam::1:root'}", "pass");
    check("Principal: '*'", "pass");
    check("Principal: {AWS: 'arn:aws:iam::2:root'}", "fail");
    check("NotPrincipal: {AWS: 'arn:aws:iam::2:root'}", "pass");
    check("NotPrincipal: {AWS: 'arn:aws:iam::1:root'}", "fail");
}

#[test]
fn every_way_of_writing_a_policy() {
    let ask = "allows: { action: 'iam:PassRole', resource: '*' }";
    let check = |path: &str, kind: &str, text: &str, expected: &str| {
        let result = judge(&format!("fail_unless: {{ path: {path}, {ask} }}"), &[(&format!("{kind}.x"), text)]);
        assert_eq!(status(result), expected, "{path} {text}");
    };
    let json = r#"'{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'"#;
    check("policy", "aws_iam_policy", &format!("{{policy: {json}}}"), "pass");
    check("policy.$statements", "aws_iam_policy", &format!("{{policy: {json}}}"), "pass");
    check("policy", "aws_iam_policy", r#"{policy: '?json:{"Statement":[{"Effect":"Allow","Action":["*"],"Resource":"*"}]}'}"#, "pass");
    check("policy", "aws_iam_policy", r#"{policy: '?json:{"Statement":[{"Effect":"Allow","Action":["?v"],"Resource":"*"}]}'}"#, "unknown");
    check("policy", "aws_iam_policy", r#"{policy: '?json:{"Statement":[{"Effect":"?v","Action":["*"],"Resource":"*"}]}'}"#, "unknown");
    check("policy", "aws_iam_policy", "{policy: ?v}", "unknown");
    check("policy", "aws_iam_policy", "{policy: '{broken'}", "unknown");
    check("policy", "aws_iam_policy", "{policy: ''}", "fail");
    check("policy", "aws_iam_policy", "{policy: {Statement: ?v}}", "unknown");
    check("$", "data.aws_iam_policy_document", "{statement: [{actions: ['iam:*'], resources: ['*']}]}", "pass");
    check("$statements", "data.aws_iam_policy_document", "{statement: [{actions: ['iam:*'], resources: ['*']}]}", "pass");
    check("$", "data.aws_iam_policy_document", "{statement: [{effect: Deny, actions: ['iam:*'], resources: ['*']}]}", "fail");
    check("$", "data.aws_iam_policy_document", "{statement: [{not_actions: ['s3:*'], resources: ['*']}]}", "pass");
    check("$", "data.aws_iam_policy_document", "{statement: [?v]}", "unknown");
}

/// `data.x` has a dot in its type, which the address in these tests is split at.
#[test]
fn the_statements_view() {
    let json = r#"{policy: '{"Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":"*","Service":["s"]},"Action":"s3:*","Resource":["r"],"Condition":{"StringEquals":{"aws:SourceAccount":"1"}}},{"Effect":"Deny","NotAction":"x","NotResource":"y"}]}'}"#;
    let check = |condition: &str, expected: &str| {
        assert_eq!(shown(judge(&format!("fail_unless: {condition}"), &[("p.x", json)])), expected, "{condition}");
    };
    check("{ path: policy.$statements, length_equals: 2 }", "pass: `policy.Statement` has 2 items");
    check("{ path: 'policy.$statements[0].actions', equals: ['s3:*'] }", "pass: `policy.Statement[0].actions` is `[\"s3:*\"]`");
    check(
        "{ path: 'policy.$statements[0].principals[*].type', within: [AWS, Service] }",
        "pass: `policy.Statement[0].principals[0].type` is `AWS`",
    );
    check(
        "{ path: 'policy.$statements[0].conditions[0].key', equals: 'aws:SourceAccount' }",
        "pass: `policy.Statement[0].conditions.key` is `aws:SourceAccount`",
    );
    check("{ path: 'policy.$statements[0].anyone', equals: true }", "pass: `policy.Statement[0].anyone` is `true`");
    check("{ path: 'policy.$statements[0].restricted', equals: true }", "pass: `policy.Statement[0].restricted` is `true`");
    check("{ path: 'policy.$statements[1].not_actions', equals: [x] }", "pass: `policy.Statement[1].not_actions` is `[\"x\"]`");
    check("{ path: 'policy.$statements[1].actions', empty: true }", "pass: `policy.Statement[1].actions` is `[]`");
    check(
        "{ none: policy.$statements, is: { all: [{ path: effect, equals: Allow }, { path: actions, contains: 's3:*' }] } }",
        "fail: `policy.Statement[0].effect` is `Allow` and `policy.Statement[0].actions` is `[\"s3:*\"]`",
    );
    let document = "{statement: [{actions: [a], principals: [{type: AWS, identifiers: ['*', 'b']}], condition: [{test: StringEquals, variable: 'aws:SourceVpc', values: [v]}]}]}";
    let check = |condition: &str, expected: &str| {
        assert_eq!(status(judge(&format!("fail_unless: {condition}"), &[("d.x", document)])), expected, "{condition}");
    };
    check("{ path: '$statements[0].effect', equals: Allow }", "pass");
    check("{ path: '$.$statements[0].anyone', equals: true }", "pass");
    check("{ path: '$statements[0].restricted', equals: true }", "pass");
    check("{ path: '$statements[0].principals[1].id', equals: b }", "pass");
    check("{ path: '$statements[0].conditions[0].operator', equals: StringEquals }", "pass");
    let check = |principal: &str, expected: &str| {
        let rule = format!("fail_if: {{ path: policy, allows: {{ action: 's3:*', principal: '{principal}' }} }}");
        let text = "{policy: {Statement: [{Effect: Allow, Principal: {AWS: x}, Action: '*', Resource: '*'}]}}";
        assert_eq!(shown(judge(&rule, &[("p.x", text)])), expected, "{principal}");
    };
    check("x", "fail: `policy` allows `s3:*` to `x`");
    check("anyone", "pass: `policy` does not allow `s3:*` to anyone");
}
