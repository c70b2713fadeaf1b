//! Key policies: what is understood is held to, what is not is refused.

use crate::boto::{Boto, bytes};
use crate::raw::call;
use crate::world::{ADMIN, ADMIN_ARN, ENCLAVE, ENCLAVE_ARN, FOREIGNER, NOBODY, Signer, World};
use ringi_kms::policy::{Call, Context, Policy, Verdict, evaluate};
use ringi_kms::{Code, Principal};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-4000-8000-000000000000";
const ROOT: &str = "arn:aws:iam::111122223333:root";

fn statement(effect: &str, principal: Value, action: Value, condition: Value) -> Value {
    let mut statement = json!({"Effect": effect, "Principal": principal, "Action": action, "Resource": "*"});
    if condition != json!({}) {
        statement["Condition"] = condition;
    }
    statement
}

fn policy(statements: Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn admin() -> Value {
    statement("Allow", json!({"AWS": ADMIN_ARN}), json!("kms:*"), json!({}))
}

fn verdict(policy: &str, arn: &str, action: &str, context: &[(&str, &str)]) -> Verdict {
    let principal = Principal::parse(arn).unwrap();
    let pairs = context.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let context = Context::of(&principal, &pairs);
    let call = Call { principal: &principal, action, resource: KEY, context: &context };
    evaluate(&Policy::parse(policy).unwrap_or_else(|e| panic!("{e}")), &call)
}

#[test]
fn a_denial_wins_and_silence_is_none() {
    let deny = statement("Deny", json!("*"), json!(["kms:PutKeyPolicy", "kms:Create*"]), json!({}));
    for all in [json!([admin(), deny]), json!([deny, admin()])] {
        let all = policy(all);
        assert_eq!(verdict(&all, ADMIN_ARN, "kms:Decrypt", &[]), Verdict::Allowed);
        assert_eq!(verdict(&all, ADMIN_ARN, "kms:PutKeyPolicy", &[]), Verdict::Denied);
        assert_eq!(verdict(&all, ADMIN_ARN, "kms:CreateGrant", &[]), Verdict::Denied);
        assert_eq!(verdict(&all, ENCLAVE_ARN, "kms:Decrypt", &[]), Verdict::NotAllowed);
    }
    let one = policy(admin());
    assert_eq!(verdict(&one, ADMIN_ARN, "kms:Decrypt", &[]), Verdict::Allowed);
}

#[test]
fn principals_actions_and_resources_match_as_they_stand() {
    let allow = |principal: Value, action: &str, resource: &str| {
        let mut one = statement("Allow", principal, json!(action), json!({}));
        one["Resource"] = json!(resource);
        verdict(&policy(json!([one])), ENCLAVE_ARN, "kms:Decrypt", &[])
    };
    let me = json!({"AWS": ENCLAVE_ARN});
    for (principal, action, resource, wanted) in [
        (me.clone(), "kms:Decrypt", KEY, Verdict::Allowed),
        (me.clone(), "KMS:decrypt", "*", Verdict::Allowed),
        (me.clone(), "kms:*", "arn:aws:kms:*:111122223333:key/*", Verdict::Allowed),
        (me.clone(), "*", "*", Verdict::Allowed),
        (me.clone(), "kms:Decryp", "*", Verdict::NotAllowed),
        (me.clone(), "kms:Decrypt?", "*", Verdict::NotAllowed),
        (me, "kms:Decrypt", "arn:aws:kms:us-east-1:111122223333:key/1", Verdict::NotAllowed),
        (json!("*"), "kms:Decrypt", "*", Verdict::Allowed),
        (json!({"AWS": "*"}), "kms:Decrypt", "*", Verdict::Allowed),
        (json!({"AWS": ROOT}), "kms:Decrypt", "*", Verdict::AllowedToAccount),
        (json!({"AWS": "111122223333"}), "kms:Decrypt", "*", Verdict::AllowedToAccount),
        (json!({"AWS": [ROOT, ENCLAVE_ARN]}), "kms:Decrypt", "*", Verdict::Allowed),
        (json!({"AWS": "arn:aws:iam::444455556666:root"}), "kms:Decrypt", "*", Verdict::NotAllowed),
        (json!({"AWS": "arn:aws:iam::111122223333:role/cosigner-2"}), "kms:Decrypt", "*", Verdict::NotAllowed),
        (json!({"AWS": "arn:aws:iam::111122223333:user/cosigner-1"}), "kms:Decrypt", "*", Verdict::NotAllowed),
    ] {
        assert_eq!(allow(principal.clone(), action, resource), wanted, "{principal} {action} {resource}");
    }
    let deny = statement("Deny", json!({"AWS": ROOT}), json!("kms:*"), json!({}));
    assert_eq!(verdict(&policy(json!([admin(), deny])), ADMIN_ARN, "kms:Decrypt", &[]), Verdict::Denied);
}

#[test]
fn conditions_are_those_of_iam() {
    let holds = |condition: Value, context: &[(&str, &str)]| {
        let one = statement("Allow", json!({"AWS": ENCLAVE_ARN}), json!("kms:Decrypt"), condition);
        verdict(&policy(json!([one])), ENCLAVE_ARN, "kms:Decrypt", context) == Verdict::Allowed
    };
    let g = "kms:EncryptionContext:g";
    let (none, ab, xy): (&[(&str, &str)], _, _) = (&[], &[("g", "Ab")][..], &[("g", "xy")][..]);
    for (operator, value, [absent, equal, other]) in [
        ("StringEquals", json!("Ab"), [false, true, false]),
        ("StringEquals", json!("ab"), [false, false, false]),
        ("StringEquals", json!(["q", "Ab"]), [false, true, false]),
        ("StringEqualsIgnoreCase", json!("aB"), [false, true, false]),
        ("StringNotEquals", json!("Ab"), [true, false, true]),
        ("StringNotEquals", json!(["Ab", "xy"]), [true, false, false]),
        ("StringNotEqualsIgnoreCase", json!("aB"), [true, false, true]),
        ("StringLike", json!("A?"), [false, true, false]),
        ("StringLike", json!("*"), [false, true, true]),
        ("StringNotLike", json!("A*"), [true, false, true]),
        ("StringEqualsIfExists", json!("Ab"), [true, true, false]),
        ("StringNotEqualsIfExists", json!("Ab"), [true, false, true]),
        ("StringLikeIfExists", json!("A*"), [true, true, false]),
        ("Null", json!("true"), [true, false, false]),
        ("Null", json!(true), [true, false, false]),
        ("Null", json!("false"), [false, true, true]),
    ] {
        let condition = json!({operator: {g: value}});
        let found = [none, ab, xy].map(|context| holds(condition.clone(), context));
        assert_eq!(found, [absent, equal, other], "{condition}");
    }
    // All conditions must hold; the key of a context keeps its case.
    let both = json!({"StringEquals": {g: "Ab", "kms:EncryptionContext:h": "1"}});
    assert!(!holds(both.clone(), ab));
    assert!(holds(both, &[("g", "Ab"), ("h", "1")]));
    assert!(!holds(json!({"StringEquals": {"kms:EncryptionContext:G": "Ab"}}), ab));
    assert!(holds(json!({"StringEquals": {"KMS:encryptioncontext:g": "Ab"}}), ab));
    for (key, right, wrong) in [
        ("aws:PrincipalArn", ENCLAVE_ARN, ADMIN_ARN),
        ("aws:PrincipalAccount", "111122223333", "444455556666"),
        ("kms:CallerAccount", "111122223333", "444455556666"),
    ] {
        assert!(holds(json!({"StringEquals": {key: right}}), none), "{key}");
        assert!(!holds(json!({"StringEquals": {key: wrong}}), none), "{key}");
    }
    assert!(holds(json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}}), none));
    assert!(!holds(json!({"ArnNotEquals": {"aws:PrincipalArn": ENCLAVE_ARN}}), none));
    assert!(!holds(json!({"StringLike": {"kms:ViaService": "*"}}), none));
    assert!(holds(json!({"Null": {"kms:ViaService": "true"}}), none));
    // Without a document there is no register.
    for key in
        ["kms:RecipientAttestation:ImageSha384", "kms:RecipientAttestation:PCR0", "kms:RecipientAttestation:PCR31"]
    {
        assert!(!holds(json!({"StringLike": {key: "*"}}), none), "{key}");
        assert!(holds(json!({"Null": {key: "true"}}), none), "{key}");
    }
}

#[test]
fn sets_of_context_keys() {
    let holds = |operator: &str, context: &[(&str, &str)]| {
        let condition = json!({operator: {"kms:EncryptionContextKeys": ["genesis", "cosigner"]}});
        let one = statement("Allow", json!({"AWS": ENCLAVE_ARN}), json!("kms:Decrypt"), condition);
        verdict(&policy(json!([one])), ENCLAVE_ARN, "kms:Decrypt", context) == Verdict::Allowed
    };
    let (some, all, other) = ([("genesis", "1"), ("x", "1")], [("genesis", "1"), ("cosigner", "1")], [("x", "1")]);
    let found =
        |operator: &str| [holds(operator, &[]), holds(operator, &some), holds(operator, &all), holds(operator, &other)];
    assert_eq!(found("ForAnyValue:StringEquals"), [false, true, true, false]);
    assert_eq!(found("ForAllValues:StringEquals"), [true, false, true, false]);
}

#[test]
fn what_is_not_understood_is_malformed() {
    let mut good = admin();
    good["Condition"] = json!({"StringEquals": {"kms:EncryptionContext:a": "b"}});
    assert!(Policy::parse(&policy(json!([good]))).is_ok());
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        policy(json!([changed]))
    };
    let without = |name: &str| {
        let mut changed = good.clone();
        changed.as_object_mut().unwrap().remove(name);
        policy(json!([changed]))
    };
    let condition = |operator: &str, key: &str, value: Value| with("Condition", json!({operator: {key: value}}));
    let plain = "kms:EncryptionContext:a";
    for bad in [
        "".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        policy(json!([])),
        json!({"Version": "2013-01-01", "Statement": [good]}).to_string(),
        json!({"Statement": [good], "Other": 1}).to_string(),
        format!("{{\"Statement\": {good}, \"Statement\": {good}}}"),
        policy(json!([good])).replace("\"Effect\":\"Allow\"", "\"Effect\":\"Deny\",\"Effect\":\"Allow\""),
        policy(json!([good])).replace("\"StringEquals\":{", "\"StringEquals\":{\"kms:EncryptionContext:a\":\"c\","),
        with("Effect", json!("allow")),
        with("NotPrincipal", json!("*")),
        with("NotAction", json!("kms:x")),
        with("NotResource", json!("*")),
        with("Principal", json!("x")),
        with("Principal", json!({"AWS": []})),
        with("Principal", json!({"AWS": "arn:aws:iam::111122223333:user/*"})),
        with("Principal", json!({"AWS": "arn:aws:sts::111122223333:assumed-role/a/b"})),
        with("Principal", json!({"Service": "ec2.amazonaws.com"})),
        with("Principal", json!({"AWS": ADMIN_ARN, "Service": "ec2.amazonaws.com"})),
        with("Action", json!([])),
        with("Action", json!("s3:GetObject")),
        with("Resource", json!("arn:aws:s3:::bucket")),
        with("Resource", json!("arn:aws:kms:us-east-1:111122223333:key/${aws:username}")),
        without("Effect"),
        without("Principal"),
        without("Action"),
        without("Resource"),
        condition("StringEqual", plain, json!("b")),
        condition("Bool", plain, json!("true")),
        condition("DateLessThan", "aws:CurrentTime", json!("2030-01-01T00:00:00Z")),
        condition("IpAddress", "aws:SourceIp", json!("10.0.0.0/8")),
        condition("NullIfExists", plain, json!("true")),
        condition("Null", plain, json!("yes")),
        condition("Null", plain, json!(["true", "false"])),
        condition("StringEquals", "aws:MultiFactorAuthPresent", json!("true")),
        condition("StringEquals", "kms:RecipientAttestation:PCR32", json!("b")),
        condition("StringEquals", "kms:RecipientAttestation:PCR08", json!("b")),
        condition("StringEquals", "kms:RecipientAttestation:PCR+8", json!("b")),
        condition("StringEquals", "kms:RecipientAttestation:NitroTPMPCR4", json!("b")),
        condition("StringEquals", "kms:EncryptionContext:", json!("b")),
        condition("StringEquals", plain, json!([])),
        condition("StringEquals", plain, json!(7)),
        condition("StringEquals", plain, json!("${aws:username}")),
        condition("ForAnyValue:StringEquals", plain, json!("b")),
        condition("ForSome:StringEquals", plain, json!("b")),
        condition("StringEquals", "kms:EncryptionContextKeys", json!("b")),
        policy(json!([good])) + &" ".repeat(40_000),
    ] {
        assert_eq!(Policy::parse(&bad).map_err(|e| e.code), Err(Code::MalformedPolicy), "{bad}");
    }
}

/// A key of this policy, made by the administrator.
fn key(world: &World, policy: &str) -> String {
    let body = json!({"Policy": policy, "BypassPolicyLockoutSafetyCheck": true});
    let reply = call(world, ADMIN, "CreateKey", body);
    reply.body["KeyMetadata"]["KeyId"].as_str().unwrap_or_else(|| panic!("{}", reply.body)).to_owned()
}

#[test]
fn the_server_holds_to_a_key_s_policy() {
    let world = World::new();
    let Some(boto) = Boto::of(&world) else { return };
    let encrypts = |signer: Signer, id: &str| {
        boto.call(signer, "Encrypt", json!({"KeyId": id, "Plaintext": bytes(b"x")})).err().map(|(name, _)| name)
    };
    let denied = Some("AccessDeniedException".to_owned());
    let account = json!([statement("Allow", json!({"AWS": ROOT}), json!("kms:*"), json!({}))]);
    let default = key(&world, &policy(account));
    assert_eq!(encrypts(ADMIN, &default), None);
    assert_eq!(encrypts(NOBODY, &default), denied, "the account gave nothing");
    assert_eq!(encrypts(FOREIGNER, &default), denied);
    let named =
        key(&world, &policy(json!([statement("Allow", json!({"AWS": ENCLAVE_ARN}), json!("kms:Encrypt"), json!({}))])));
    assert_eq!(encrypts(ENCLAVE, &named), None);
    assert_eq!(encrypts(ADMIN, &named), denied, "the account's administrator is not named");
    let anyone =
        key(&world, &policy(json!([statement("Allow", json!("*"), json!(["kms:Encrypt", "kms:Decrypt"]), json!({}))])));
    assert_eq!(encrypts(NOBODY, &anyone), None);
    assert_eq!(encrypts(FOREIGNER, &anyone), denied, "another account must allow it as well");
    let sealed = boto.good(NOBODY, "Encrypt", json!({"KeyId": anyone, "Plaintext": bytes(b"x")}));
    boto.good(FOREIGNER, "Decrypt", json!({"CiphertextBlob": sealed["CiphertextBlob"]}));
    let bad = boto.bad_with_text(NOBODY, "DescribeKey", json!({"KeyId": default}));
    assert_eq!(bad.0, "AccessDeniedException");
    assert!(
        bad.1.starts_with("User: arn:aws:iam::111122223333:user/nobody is not authorized to perform: kms:DescribeKey")
    );
    assert_eq!(boto.bad(NOBODY, "CreateKey", json!({})), "AccessDeniedException");
    assert_eq!(boto.bad(NOBODY, "ListKeys", json!({})), "AccessDeniedException");
}

#[test]
fn a_policy_is_read_and_replaced_by_whom_it_lets() {
    let mut world = World::new();
    let Some(boto) = Boto::of(&world) else { return };
    let first = policy(json!([admin()]));
    let id = key(&world, &first);
    let read =
        |boto: &Boto| boto.good(ADMIN, "GetKeyPolicy", json!({"KeyId": id, "PolicyName": "default"}))["Policy"].clone();
    assert_eq!(read(&boto), first);
    let put = |signer: Signer, text: &str, bypass: bool| {
        boto.call(
            signer,
            "PutKeyPolicy",
            json!({
                "KeyId": id, "PolicyName": "default", "Policy": text, "BypassPolicyLockoutSafetyCheck": bypass,
            }),
        )
        .err()
    };
    let name = |error: Option<(String, String)>| error.map(|(name, _)| name).unwrap_or_default();
    assert_eq!(name(put(ENCLAVE, &first, false)), "AccessDeniedException");
    assert_eq!(name(put(ADMIN, "{}", false)), "MalformedPolicyDocumentException");
    let enclave = json!({"AWS": ENCLAVE_ARN});
    let locked = policy(json!([
        statement("Allow", enclave, json!("kms:Decrypt"), json!({})),
        statement("Allow", json!({"AWS": ADMIN_ARN}), json!("kms:GetKeyPolicy"), json!({})),
    ]));
    let (refused, text) = put(ADMIN, &locked, false).unwrap();
    assert_eq!(refused, "MalformedPolicyDocumentException");
    assert!(text.contains("will not allow you to update the key policy"), "{text}");
    assert_eq!(read(&boto), first);
    assert_eq!(put(ADMIN, &locked, true), None);
    assert_eq!(read(&boto), locked);
    assert_eq!(name(put(ADMIN, &first, true)), "AccessDeniedException", "a locked policy was opened");
    drop(boto);
    world.restart();
    let boto = Boto::of(&world).unwrap();
    assert_eq!(read(&boto), locked);
    let other = boto.bad(ADMIN, "GetKeyPolicy", json!({"KeyId": id, "PolicyName": "other"}));
    assert_eq!(other, "NotFoundException");
    let create = json!({"Policy": locked});
    assert_eq!(boto.bad(ADMIN, "CreateKey", create), "MalformedPolicyDocumentException");
}
