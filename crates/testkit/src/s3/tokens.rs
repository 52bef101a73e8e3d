//! The exchange of a runner's identity token for credentials (`AssumeRoleWithWebIdentity`).

use super::{Answer, decode, objects};

/// The key that is given.
pub(super) const SESSION_ID: &str = "ASIAPROBITYTEST";
/// The secret that goes with it.
pub(super) const SESSION_SECRET: &str = "session/secret+of=the-stub";
/// What has to go along with it.
pub(super) const SESSION: &str = "session-token+of/the=stub";

/// Gives credentials for the one identity token that counts.
pub(super) fn exchange(body: &[u8], identity: Option<&str>, now: i64) -> Answer {
    let body = String::from_utf8_lossy(body);
    let field = |name: &str| body.split('&').find_map(|pair| Some(decode(pair.strip_prefix(name)?.strip_prefix('=')?)));
    let right = field("Action").as_deref() == Some("AssumeRoleWithWebIdentity")
        && field("Version").as_deref() == Some("2011-06-15")
        && field("RoleArn").is_some_and(|role| role.starts_with("arn:aws:iam::"))
        && field("RoleSessionName").is_some_and(|name| name.len() >= 2)
        && identity.is_some()
        && field("WebIdentityToken").as_deref() == identity;
    if !right {
        return Answer::xml(
            400,
            "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code><Message>no</Message></Error></ErrorResponse>",
        );
    }
    let until = objects::format_time(now + 3600);
    Answer::xml(
        200,
        &format!(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult><Credentials>\
             <AccessKeyId>{SESSION_ID}</AccessKeyId><SecretAccessKey>{SESSION_SECRET}</SecretAccessKey><SessionToken>{SESSION}</SessionToken>\
             <Expiration>{until}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
        ),
    )
}
