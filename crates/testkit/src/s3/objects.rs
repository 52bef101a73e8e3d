//! Buckets, objects, versions, Object Lock.

use std::collections::BTreeMap;

use super::{Answer, Request, base64, decode};

/// All buckets.
#[derive(Default)]
pub(super) struct Buckets {
    all: BTreeMap<String, Bucket>,
    /// Names on one page of a list; none for a thousand.
    pub(super) page: usize,
    /// Whether `If-Match` and `If-None-Match` are not looked at.
    pub(super) ignores_conditions: bool,
    /// Number of the last version made.
    counter: u64,
}

#[derive(Default)]
struct Bucket {
    /// Whether Object Lock is on, and versions with it.
    lock: bool,
    versions: bool,
    /// Mode and days that objects get when they ask for none.
    default: Option<(Mode, i64)>,
    objects: BTreeMap<String, Vec<Version>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Governance,
    Compliance,
}

impl Mode {
    fn parse(text: &str) -> Result<Mode, Answer> {
        match text {
            "GOVERNANCE" => Ok(Mode::Governance),
            "COMPLIANCE" => Ok(Mode::Compliance),
            _ => Err(invalid("Unknown wormMode directive.")),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Mode::Governance => "GOVERNANCE",
            Mode::Compliance => "COMPLIANCE",
        }
    }
}

struct Version {
    id: String,
    /// `None` for a marker that the object was deleted.
    bytes: Option<Vec<u8>>,
    etag: String,
    retention: Option<(Mode, i64)>,
    legal_hold: bool,
}

fn invalid(message: &str) -> Answer {
    Answer::refusal(400, "InvalidRequest", message)
}

fn denied(message: &str) -> Answer {
    Answer::refusal(403, "AccessDenied", message)
}

/// Seconds since 1970 of `2030-01-01T00:00:00Z`, with or without a fraction.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z')?;
    let text = text.split('.').next()?;
    let (date, time) = text.split_once('T')?;
    let numbers = |text: &str, mark: char| text.split(mark).map(|part| part.parse::<i64>().ok()).collect::<Option<Vec<i64>>>();
    let (date, time) = (numbers(date, '-')?, numbers(time, ':')?);
    let ([year, month, day], [hour, minute, second]) = (date.as_slice(), time.as_slice()) else { return None };
    if !(1..=12).contains(month) || !(1..=31).contains(day) {
        return None;
    }
    // Days since 1970 in the calendar, with years that begin in March.
    let year = if *month <= 2 { year - 1 } else { *year };
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// The same the other way round.
pub(super) fn format_time(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400) + 719_468, seconds.rem_euclid(86_400));
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// The text of an element, wherever it is.
fn element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(value, _)| value)
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Checks the checksums that were sent; whether there was any.
fn checksums(request: &Request) -> Result<bool, Answer> {
    let bad = |name: &str| Answer::refusal(400, "BadDigest", &format!("The {name} you specified did not match what we received."));
    let sha256 = request.header("x-amz-checksum-sha256");
    if sha256.is_some_and(|sum| sum != base64(&crate::sha256(&request.body).0)) {
        return Err(bad("SHA256"));
    }
    if request.header("content-md5").is_some() {
        return Err(Answer::refusal(501, "NotImplemented", "MD5 is not checked here; send x-amz-checksum-sha256."));
    }
    Ok(sha256.is_some())
}

impl Version {
    /// Why this version cannot be deleted.
    fn kept(&self, now: i64, bypass: bool) -> Option<Answer> {
        if self.legal_hold {
            return Some(denied("Access Denied because object protected by object lock: a legal hold."));
        }
        match self.retention {
            Some((Mode::Compliance, until)) if until > now => Some(denied("Access Denied because object protected by object lock.")),
            Some((Mode::Governance, until)) if until > now && !bypass => {
                Some(denied("Access Denied because object protected by object lock."))
            }
            _ => None,
        }
    }

    fn headers(&self, mut answer: Answer, versions: bool, checksum: bool) -> Answer {
        answer = answer.with("ETag", &self.etag);
        if versions {
            answer = answer.with("x-amz-version-id", &self.id);
        }
        if let Some((mode, until)) = self.retention {
            answer = answer.with("x-amz-object-lock-mode", mode.as_str());
            answer = answer.with("x-amz-object-lock-retain-until-date", format_time(until));
        }
        if self.legal_hold {
            answer = answer.with("x-amz-object-lock-legal-hold", "ON");
        }
        match &self.bytes {
            Some(bytes) if checksum => answer.with("x-amz-checksum-sha256", base64(&crate::sha256(bytes).0)),
            _ => answer,
        }
    }
}

impl Buckets {
    pub(super) fn history(&self, bucket: &str, key: &str) -> Vec<Vec<u8>> {
        let versions = self.all.get(bucket).and_then(|bucket| bucket.objects.get(key));
        versions.into_iter().flatten().filter_map(|version| version.bytes.clone()).collect()
    }

    pub(super) fn answer(&mut self, request: &Request, now: i64) -> Answer {
        let path = decode(request.path.trim_start_matches('/'));
        let (name, key) = path.split_once('/').unwrap_or((&path, ""));
        let answered = if key.is_empty() { self.of_bucket(request, name, now) } else { self.of_object(request, name, key, now) };
        answered.unwrap_or_else(|refusal| refusal)
    }

    fn bucket(&mut self, name: &str) -> Result<&mut Bucket, Answer> {
        self.all.get_mut(name).ok_or_else(|| Answer::refusal(404, "NoSuchBucket", "The specified bucket does not exist"))
    }

    fn of_bucket(&mut self, request: &Request, name: &str, now: i64) -> Result<Answer, Answer> {
        let has = |parameter: &str| request.parameter(parameter).is_some();
        let body = String::from_utf8_lossy(&request.body).into_owned();
        match request.method.as_str() {
            "PUT" if has("object-lock") => {
                let bucket = self.bucket(name)?;
                if !bucket.lock {
                    return Err(Answer::refusal(409, "InvalidBucketState", "Object Lock is not on for this bucket."));
                }
                bucket.default = match (element(&body, "Mode"), element(&body, "Days").and_then(|days| days.parse().ok())) {
                    (Some(mode), Some(days)) => Some((Mode::parse(mode)?, days)),
                    _ => None,
                };
                Ok(Answer::new(200))
            }
            "PUT" if has("versioning") => {
                let bucket = self.bucket(name)?;
                if bucket.lock {
                    return Err(Answer::refusal(409, "InvalidBucketState", "Versions of a bucket with Object Lock stay on."));
                }
                bucket.versions = body.contains("Enabled");
                Ok(Answer::new(200))
            }
            "PUT" => {
                if self.all.contains_key(name) {
                    return Err(Answer::refusal(409, "BucketAlreadyOwnedByYou", "It is there."));
                }
                let lock = request.header("x-amz-bucket-object-lock-enabled") == Some("true");
                self.all.insert(name.to_owned(), Bucket { lock, versions: lock, ..Bucket::default() });
                Ok(Answer::new(200))
            }
            "GET" if has("object-lock") => {
                let bucket = self.bucket(name)?;
                if !bucket.lock {
                    let message = "Object Lock configuration does not exist for this bucket";
                    return Err(Answer::refusal(404, "ObjectLockConfigurationNotFoundError", message));
                }
                let rule = bucket.default.map_or_else(String::new, |(mode, days)| {
                    format!("<Rule><DefaultRetention><Mode>{}</Mode><Days>{days}</Days></DefaultRetention></Rule>", mode.as_str())
                });
                Ok(Answer::xml(
                    200,
                    &format!("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}</ObjectLockConfiguration>"),
                ))
            }
            "GET" if request.parameter("list-type").as_deref() == Some("2") => self.list(request, name),
            "POST" if has("delete") => self.delete_many(request, name, &body, now),
            _ => Err(Answer::refusal(501, "NotImplemented", "It is not known here.")),
        }
    }

    fn list(&mut self, request: &Request, name: &str) -> Result<Answer, Answer> {
        let page = if self.page == 0 { 1000 } else { self.page };
        let prefix = request.parameter("prefix").unwrap_or_default();
        let after = request.parameter("continuation-token").unwrap_or_default();
        let there = |versions: &Vec<Version>| versions.last().is_some_and(|version| version.bytes.is_some());
        let bucket = self.bucket(name)?;
        let all = bucket.objects.iter().filter(|(key, versions)| key.starts_with(&prefix) && **key > after && there(versions));
        let mut keys: Vec<&String> = all.map(|(key, _)| key).take(page + 1).collect();
        let more = keys.len() > page;
        keys.truncate(page);
        let mut body = format!("<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><IsTruncated>{more}</IsTruncated>");
        for key in &keys {
            body.push_str(&format!("<Contents><Key>{}</Key></Contents>", escape(key)));
        }
        if let Some(last) = keys.last().filter(|_| more) {
            body.push_str(&format!("<NextContinuationToken>{}</NextContinuationToken>", escape(last)));
        }
        body.push_str("</ListBucketResult>");
        Ok(Answer::xml(200, &body))
    }

    fn delete_many(&mut self, request: &Request, name: &str, body: &str, now: i64) -> Result<Answer, Answer> {
        if !checksums(request)? {
            return Err(invalid("Missing required header for this request: Content-MD5 OR x-amz-checksum-*"));
        }
        let bypass = request.header("x-amz-bypass-governance-retention") == Some("true");
        let mut out = String::from("<DeleteResult>");
        for object in body.split("<Object>").skip(1) {
            let key = unescape(element(object, "Key").unwrap_or_default());
            let answer = self.delete(name, &key, element(object, "VersionId"), bypass, now)?;
            if answer.status >= 300 {
                out.push_str(&format!("<Error><Key>{}</Key><Code>AccessDenied</Code><Message>kept</Message></Error>", escape(&key)));
            }
        }
        out.push_str("</DeleteResult>");
        Ok(Answer::xml(200, &out))
    }

    fn delete(&mut self, name: &str, key: &str, version: Option<&str>, bypass: bool, now: i64) -> Result<Answer, Answer> {
        self.counter += 1;
        let marker = Version { id: format!("v{}", self.counter), bytes: None, etag: String::new(), retention: None, legal_hold: false };
        let bucket = self.bucket(name)?;
        let keeps_versions = bucket.versions;
        let versions = bucket.objects.entry(key.to_owned()).or_default();
        match version {
            Some(id) => {
                if let Some(place) = versions.iter().position(|version| version.id == id) {
                    if let Some(refusal) = versions.get(place).and_then(|version| version.kept(now, bypass)) {
                        return Ok(refusal);
                    }
                    versions.remove(place);
                }
            }
            // The versions stay, behind a marker.
            None if keeps_versions => versions.push(marker),
            None => versions.clear(),
        }
        if versions.is_empty() {
            bucket.objects.remove(key);
        }
        Ok(Answer::new(204))
    }

    fn of_object(&mut self, request: &Request, name: &str, key: &str, now: i64) -> Result<Answer, Answer> {
        let has = |parameter: &str| request.parameter(parameter).is_some();
        let version = request.parameter("versionId");
        match request.method.as_str() {
            "PUT" if has("retention") => self.put_retention(request, name, key, now),
            "PUT" if has("legal-hold") => self.put_legal_hold(request, name, key),
            "PUT" => self.put(request, name, key, now),
            "DELETE" => {
                let bypass = request.header("x-amz-bypass-governance-retention") == Some("true");
                self.delete(name, key, version.as_deref(), bypass, now)
            }
            "GET" if has("retention") => {
                let none =
                    Answer::refusal(404, "NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration");
                let (mode, until) = self.version(name, key, version.as_deref())?.retention.ok_or(none)?;
                let (mode, until) = (mode.as_str(), format_time(until));
                Ok(Answer::xml(200, &format!("<Retention><Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>")))
            }
            "GET" if has("legal-hold") => {
                let status = if self.version(name, key, version.as_deref())?.legal_hold { "ON" } else { "OFF" };
                Ok(Answer::xml(200, &format!("<LegalHold><Status>{status}</Status></LegalHold>")))
            }
            "GET" | "HEAD" => {
                let versions = self.bucket(name)?.versions;
                let found = self.version(name, key, version.as_deref())?;
                let checksum = request.header("x-amz-checksum-mode") == Some("ENABLED");
                let mut answer = found.headers(Answer::new(200), versions, checksum);
                answer.body = found.bytes.clone().unwrap_or_default();
                Ok(answer)
            }
            _ => Err(Answer::refusal(501, "NotImplemented", "It is not known here.")),
        }
    }

    fn version(&mut self, name: &str, key: &str, version: Option<&str>) -> Result<&mut Version, Answer> {
        let none = || Answer::refusal(404, "NoSuchKey", "The specified key does not exist.");
        let versions = self.bucket(name)?.objects.get_mut(key).ok_or_else(none)?;
        let found = match version {
            Some(id) => versions.iter_mut().find(|version| version.id == id),
            None => versions.last_mut(),
        };
        found.filter(|version| version.bytes.is_some()).ok_or_else(none)
    }

    fn put(&mut self, request: &Request, name: &str, key: &str, now: i64) -> Result<Answer, Answer> {
        let has_checksum = checksums(request)?;
        self.counter += 1;
        let id = format!("v{}", self.counter);
        let ignores = self.ignores_conditions;
        let bucket = self.bucket(name)?;
        let current = bucket.objects.get(key).and_then(|versions| versions.last()).filter(|version| version.bytes.is_some());
        let lost = || Answer::refusal(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
        match (request.header("if-none-match"), request.header("if-match")) {
            _ if ignores => {}
            (None, None) => {}
            (Some("*"), None) if current.is_none() => {}
            (Some("*"), None) => return Err(lost()),
            (None, Some(tag)) => match current {
                None => return Err(Answer::refusal(404, "NoSuchKey", "The specified key does not exist.")),
                Some(current) if current.etag == tag => {}
                Some(_) => return Err(lost()),
            },
            _ => return Err(Answer::refusal(501, "NotImplemented", "A header you provided implies functionality that is not implemented")),
        }
        let mode = request.header("x-amz-object-lock-mode");
        let until = request.header("x-amz-object-lock-retain-until-date");
        let hold = request.header("x-amz-object-lock-legal-hold");
        if (mode.is_some() || until.is_some() || hold.is_some()) && !bucket.lock {
            return Err(invalid("Bucket is missing Object Lock Configuration"));
        }
        let retention = match (mode, until) {
            (None, None) => bucket.default.map(|(mode, days)| (mode, now + days * 86_400)),
            (Some(mode), Some(until)) => {
                let until = parse_time(until).ok_or_else(|| invalid("The retain until date is not one"))?;
                if until <= now {
                    return Err(invalid("The retain until date must be in the future!"));
                }
                Some((Mode::parse(mode)?, until))
            }
            _ => return Err(invalid("x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")),
        };
        let legal_hold = match hold {
            None | Some("OFF") => false,
            Some("ON") => true,
            Some(_) => return Err(invalid("Legal Hold must be either of 'ON' or 'OFF'")),
        };
        if (retention.is_some() || legal_hold) && !has_checksum {
            return Err(invalid(
                "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters",
            ));
        }
        let keeps_versions = bucket.versions;
        let tag: String = crate::sha256(&request.body).to_string().chars().take(32).collect();
        let version = Version { id, bytes: Some(request.body.clone()), etag: format!("\"{tag}\""), retention, legal_hold };
        let answer = version.headers(Answer::new(200), keeps_versions, true);
        let versions = bucket.objects.entry(key.to_owned()).or_default();
        if !keeps_versions {
            versions.clear();
        }
        versions.push(version);
        Ok(answer)
    }

    fn put_retention(&mut self, request: &Request, name: &str, key: &str, now: i64) -> Result<Answer, Answer> {
        if !checksums(request)? {
            return Err(invalid("Missing required header for this request: Content-MD5"));
        }
        if !self.bucket(name)?.lock {
            return Err(invalid("Bucket is missing Object Lock Configuration"));
        }
        let bypass = request.header("x-amz-bypass-governance-retention") == Some("true");
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let malformed = || Answer::refusal(400, "MalformedXML", "The XML you provided was not well-formed");
        let mode = Mode::parse(element(&body, "Mode").ok_or_else(malformed)?)?;
        let until = element(&body, "RetainUntilDate").and_then(parse_time).ok_or_else(malformed)?;
        if until <= now {
            return Err(invalid("The retain until date must be in the future!"));
        }
        let version = self.version(name, key, request.parameter("versionId").as_deref())?;
        match version.retention {
            Some((Mode::Compliance, kept)) if kept > now && (mode != Mode::Compliance || until < kept) => {
                return Err(denied("Access Denied because object protected by object lock."));
            }
            Some((Mode::Governance, kept)) if kept > now && until < kept && !bypass => {
                return Err(denied("Access Denied because object protected by object lock."));
            }
            _ => version.retention = Some((mode, until)),
        }
        Ok(Answer::new(200))
    }

    fn put_legal_hold(&mut self, request: &Request, name: &str, key: &str) -> Result<Answer, Answer> {
        if !checksums(request)? {
            return Err(invalid("Missing required header for this request: Content-MD5"));
        }
        if !self.bucket(name)?.lock {
            return Err(invalid("Bucket is missing Object Lock Configuration"));
        }
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let on = match element(&body, "Status") {
            Some("ON") => true,
            Some("OFF") => false,
            _ => return Err(Answer::refusal(400, "MalformedXML", "The XML you provided was not well-formed")),
        };
        self.version(name, key, request.parameter("versionId").as_deref())?.legal_hold = on;
        Ok(Answer::new(200))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_back() {
        for seconds in [0, 951_782_400, 1_709_164_799, 1_893_456_000, 4_102_444_800] {
            assert_eq!(parse_time(&format_time(seconds)), Some(seconds));
        }
        assert_eq!(format_time(1_893_456_000), "2030-01-01T00:00:00Z");
        assert_eq!(parse_time("2024-02-29T00:00:00.5Z"), Some(1_709_164_800));
        assert_eq!(parse_time("soon"), None);
    }
}
