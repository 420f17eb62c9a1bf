//! Every way in which a token is refused, and the four in which it is taken.

use super::*;
use jsonwebtoken::{EncodingKey, get_current_timestamp};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::path::PathBuf;

const SECRET: &[u8] = b"a secret of more than thirty-two bytes";

struct TestKey {
    signing: EncodingKey,
    algorithm: Algorithm,
    jwk: Value,
}

fn test_key(algorithm: Algorithm, kid: &str) -> TestKey {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match algorithm {
        Algorithm::RS256 => {
            let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key");
            let public = pair.public_key();
            let jwk = json!({ "kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256",
                "n": b64(public.modulus().big_endian_without_leading_zero()),
                "e": b64(public.exponent().big_endian_without_leading_zero()) });
            let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().expect("exports");
            // The library wants PKCS#1 inside, which is the last element of PKCS#8.
            let pem = pem("PRIVATE KEY", pkcs8.as_ref());
            TestKey { signing: EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a key"), algorithm, jwk }
        }
        Algorithm::ES256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
            let point = pair.public_key().as_ref().to_vec();
            let jwk = json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": b64(&point[1..33]), "y": b64(&point[33..65]) });
            let der = pair.to_pkcs8v1().expect("exports");
            TestKey { signing: EncodingKey::from_ec_der(der.as_ref()), algorithm, jwk }
        }
        _ => {
            let pair = Ed25519KeyPair::generate().expect("a key");
            let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64(pair.public_key().as_ref()) });
            let der = pair.to_pkcs8v1().expect("exports");
            TestKey { signing: EncodingKey::from_ed_der(der.as_ref()), algorithm, jwk }
        }
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).expect("ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

impl TestKey {
    fn sign(&self, kid: Option<&str>, claims: &Value) -> String {
        let mut header = jsonwebtoken::Header::new(self.algorithm);
        header.kid = kid.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &self.signing).expect("signs")
    }
}

fn claims() -> Value {
    json!({ "sub": "ada", "room": "lab", "exp": get_current_timestamp() + 60, "publish": ["audio", "screen"] })
}

fn with(key: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[key] = value;
    claims
}

fn without(key: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("an object").remove(key);
    claims
}

fn hs256(secret: &[u8], claims: &Value) -> String {
    let header = jsonwebtoken::Header::new(Algorithm::HS256);
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret)).expect("signs")
}

fn verifier() -> Verifier {
    Verifier::new(&Config::default(), Some(SECRET)).expect("no JWKS to fail")
}

fn verifier_with(change: impl FnOnce(&mut Config), secret: Option<&[u8]>) -> Verifier {
    let mut config = Config::default();
    change(&mut config);
    Verifier::new(&config, secret).expect("the keys can be read")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

fn refused(verifier: &Verifier, token: &str) -> ErrorName {
    block_on(verifier.verify(token)).expect_err("must be refused").name
}

fn jwks_file(name: &str, keys: &[&TestKey]) -> PathBuf {
    let keys: Vec<&Value> = keys.iter().map(|k| &k.jwk).collect();
    let path = std::env::temp_dir().join(format!("corelay-jwks-{}-{name}.json", std::process::id()));
    std::fs::write(&path, json!({ "keys": keys }).to_string()).expect("writes");
    path
}

#[test]
fn a_good_token_gives_its_claims() {
    let claims = block_on(verifier().verify(&hs256(SECRET, &claims()))).expect("good");
    assert_eq!((claims.identity.as_str(), claims.room.as_str()), ("ada", "lab"));
    assert_eq!(claims.grants.publish, [PublishKind::Audio, PublishKind::Screen]);
    assert!(claims.grants.subscribe && !claims.grants.admin && !claims.grants.data);
}

#[test]
fn a_minted_token_is_taken() {
    let request = TokenRequest {
        room: Some("lab".to_owned()),
        identity: Some("ada".to_owned()),
        name: Some("Ada".to_owned()),
        publish: vec![PublishKind::Video],
        subscribe: false,
        admin: true,
        ttl: std::time::Duration::from_secs(60),
        audience: None,
        issuer: None,
    };
    let token = mint(SECRET, &request).expect("mints");
    let claims = block_on(verifier().verify(&token)).expect("good");
    assert_eq!(claims.name.as_deref(), Some("Ada"));
    assert!(claims.grants.admin && !claims.grants.subscribe);
}

#[test]
fn time_is_checked_with_a_small_leeway() {
    let now = get_current_timestamp();
    let v = verifier();
    assert_eq!(refused(&v, &hs256(SECRET, &with("exp", json!(now - LEEWAY_S - 2)))), ErrorName::TokenExpired);
    assert!(block_on(v.verify(&hs256(SECRET, &with("exp", json!(now - 2))))).is_ok());
    assert_eq!(refused(&v, &hs256(SECRET, &with("nbf", json!(now + LEEWAY_S + 5)))), ErrorName::TokenNotYetValid);
    assert!(block_on(v.verify(&hs256(SECRET, &with("nbf", json!(now + 2))))).is_ok());
    assert!(
        block_on(v.verify(&hs256(SECRET, &with("exp", json!(now as f64 + 60.5))))).is_ok(),
        "a NumericDate may have a fraction"
    );
    assert_eq!(refused(&v, &hs256(SECRET, &with("exp", json!(now as f64 - 60.5)))), ErrorName::TokenExpired);
}

#[test]
fn foreign_and_tampered_signatures_are_refused() {
    let v = verifier();
    assert_eq!(refused(&v, &hs256(b"another secret of enough bytes....", &claims())), ErrorName::TokenBadSignature);
    let token = hs256(SECRET, &claims());
    let other = hs256(SECRET, &with("sub", json!("eve")));
    let (head, _) = token.rsplit_once('.').expect("three parts");
    let (_, signature) = other.rsplit_once('.').expect("three parts");
    assert_eq!(refused(&v, &format!("{head}.{signature}")), ErrorName::TokenBadSignature);
    assert_eq!(refused(&v, &format!("{head}.")), ErrorName::TokenBadSignature);
}

#[test]
fn unsigned_tokens_are_refused() {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let payload = URL_SAFE_NO_PAD.encode(claims().to_string());
    assert_eq!(refused(&verifier(), &format!("{header}.{payload}.")), ErrorName::TokenBadSignature);
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"None"}"#);
    assert_eq!(refused(&verifier(), &format!("{header}.{payload}.")), ErrorName::TokenBadSignature);
}

#[test]
fn other_algorithms_of_the_family_are_refused() {
    let header = jsonwebtoken::Header::new(Algorithm::HS512);
    let token = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(SECRET)).expect("signs");
    assert_eq!(refused(&verifier(), &token), ErrorName::TokenBadSignature);
}

#[test]
fn critical_extensions_are_refused() {
    let (_, rest) = hs256(SECRET, &claims()).split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("three parts");
    for crit in ["[\"b64\"]", "[]", "null"] {
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"HS256","crit":{crit}}}"#));
        let error = block_on(verifier().verify(&format!("{header}.{rest}"))).expect_err("must be refused");
        assert_eq!(error.name, ErrorName::TokenMalformed);
        assert!(error.reason.contains("crit"), "{}", error.reason);
    }
}

#[test]
fn garbage_is_malformed() {
    let v = verifier();
    let payload = URL_SAFE_NO_PAD.encode("{}");
    for token in ["", "x", "a.b", "a.b.c", "a.b.c.d", "....", &format!("{payload}.{payload}.{payload}"), &"x".repeat(100_000)] {
        assert_eq!(refused(&v, token), ErrorName::TokenMalformed, "{token:.20}");
    }
    assert_eq!(refused(&v, &hs256(SECRET, &with("publish", json!("audio")))), ErrorName::TokenMalformed);
    assert_eq!(refused(&v, &hs256(SECRET, &with("sub", json!("")))), ErrorName::TokenMalformed);
    assert_eq!(refused(&v, &hs256(SECRET, &with("sub", json!("a\nb")))), ErrorName::TokenMalformed);
    assert_eq!(refused(&v, &hs256(SECRET, &with("room", json!("r".repeat(129))))), ErrorName::TokenMalformed);
    assert_eq!(refused(&v, &hs256(SECRET, &with("exp", json!("soon")))), ErrorName::TokenMalformed);
}

#[test]
fn missing_claims_are_named() {
    let v = verifier();
    for claim in ["sub", "room", "exp"] {
        let error = block_on(v.verify(&hs256(SECRET, &without(claim)))).expect_err("must be refused");
        assert_eq!(error.name, ErrorName::TokenMissingClaim);
        assert!(error.reason.contains(claim), "{}", error.reason);
    }
    let mut admin = without("room");
    admin["admin"] = json!(true);
    assert!(block_on(v.verify(&hs256(SECRET, &admin))).is_ok());
}

#[test]
fn audience_and_issuer_are_checked() {
    let strict = verifier_with(
        |c| {
            c.jwt_audience = Some("calls".to_owned());
            c.jwt_issuer = Some("https://issuer.example".to_owned());
        },
        Some(SECRET),
    );
    let mut good = claims();
    good["aud"] = json!(["other", "calls"]);
    good["iss"] = json!("https://issuer.example");
    assert!(block_on(strict.verify(&hs256(SECRET, &good))).is_ok());
    let changed = |key: &str, value: Value| {
        let mut c = good.clone();
        c[key] = value;
        hs256(SECRET, &c)
    };
    assert_eq!(refused(&strict, &changed("aud", json!("mail"))), ErrorName::TokenWrongAudience);
    assert_eq!(refused(&strict, &changed("iss", json!("https://evil.example"))), ErrorName::TokenWrongIssuer);
    assert_eq!(refused(&strict, &hs256(SECRET, &claims())), ErrorName::TokenMissingClaim);
    assert_eq!(refused(&verifier(), &hs256(SECRET, &good)), ErrorName::TokenWrongAudience);
}

#[test]
fn keys_of_a_file_verify_their_own_algorithm() {
    let keys = [test_key(Algorithm::RS256, "r"), test_key(Algorithm::ES256, "e"), test_key(Algorithm::EdDSA, "d")];
    let file = jwks_file("three", &keys.each_ref());
    let v = verifier_with(|c| c.jwks_file = Some(file.clone()), None);
    for (key, kid) in keys.iter().zip(["r", "e", "d"]) {
        assert!(block_on(v.verify(&key.sign(Some(kid), &claims()))).is_ok(), "{kid}");
        assert!(block_on(v.verify(&key.sign(None, &claims()))).is_ok(), "{kid}: the only key of its algorithm needs no kid");
        assert_eq!(refused(&v, &key.sign(Some("z"), &claims())), ErrorName::TokenBadSignature);
        assert_eq!(refused(&v, &test_key(key.algorithm, kid).sign(Some(kid), &claims())), ErrorName::TokenBadSignature);
    }
    assert_eq!(refused(&v, &keys[0].sign(Some("e"), &claims())), ErrorName::TokenBadSignature);
    assert_eq!(refused(&v, &hs256(SECRET, &claims())), ErrorName::TokenBadSignature);
    std::fs::remove_file(file).expect("removes");
}

/// The classic confusion: the attacker signs with HMAC and the public key, which everyone has, as the secret.
#[test]
fn a_public_key_is_no_hmac_secret() {
    let key = test_key(Algorithm::RS256, "r");
    let file = jwks_file("confusion", &[&key]);
    let modulus = URL_SAFE_NO_PAD.decode(key.jwk["n"].as_str().expect("text")).expect("base64url");
    for secret in [modulus.as_slice(), key.jwk["n"].as_str().expect("text").as_bytes(), key.jwk.to_string().as_bytes()] {
        let mut header = jsonwebtoken::Header::new(Algorithm::HS256);
        header.kid = Some("r".to_owned());
        let token = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(secret)).expect("signs");
        for own_secret in [None, Some(SECRET)] {
            let v = verifier_with(|c| c.jwks_file = Some(file.clone()), own_secret);
            assert_eq!(refused(&v, &token), ErrorName::TokenBadSignature);
        }
    }
    std::fs::remove_file(file).expect("removes");
}

#[test]
fn symmetric_encryption_and_mislabelled_keys_of_a_set_are_left_out() {
    let mut mislabelled = test_key(Algorithm::RS256, "m").jwk;
    mislabelled["alg"] = json!("HS256");
    let mut encryption = test_key(Algorithm::ES256, "x").jwk;
    encryption["use"] = json!("enc");
    let set = json!({ "keys": [{ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET), "kid": "s" }, mislabelled, encryption, 7] });
    assert!(jwks::tests_parse(set.to_string().as_bytes()).is_some_and(|n| n == 0));
}

/// One thread that answers each connection with the next of `answers`, then ends.
fn jwks_server(answers: Vec<String>) -> (String, std::thread::JoinHandle<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let url = format!("http://{}/jwks", listener.local_addr().expect("bound"));
    let thread = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("accepts");
            let _ = stream.read(&mut [0; 4096]).expect("reads");
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
        }
    });
    (url, thread)
}

#[test]
fn an_unknown_kid_refreshes_once_and_stale_keys_stay() {
    let old = test_key(Algorithm::EdDSA, "old");
    let new = test_key(Algorithm::EdDSA, "new");
    let (url, server) = jwks_server(vec![json!({ "keys": [old.jwk] }).to_string(), "down".to_owned()]);
    let v = verifier_with(|c| c.jwks_url = Some(url), None);
    block_on(async {
        v.prefetch().await;
        assert!(v.verify(&old.sign(Some("old"), &claims())).await.is_ok());
        // Within the interval nobody is asked: the server thread would have counted it as the second answer.
        assert!(v.verify(&new.sign(Some("new"), &claims())).await.is_err());
        assert!(!server.is_finished());
        v.forget_last_fetch().await;
        assert!(v.verify(&new.sign(Some("new"), &claims())).await.is_err());
        assert!(v.verify(&old.sign(Some("old"), &claims())).await.is_ok(), "a failed fetch keeps the keys");
    });
    server.join().expect("both answers were asked for");
}

#[test]
fn keys_of_the_file_stay_beside_those_of_the_url() {
    let local = test_key(Algorithm::EdDSA, "local");
    let remote = test_key(Algorithm::EdDSA, "remote");
    let file = jwks_file("beside", &[&local]);
    let (url, server) = jwks_server(vec![json!({ "keys": [remote.jwk] }).to_string()]);
    let v = verifier_with(
        |c| {
            c.jwks_file = Some(file.clone());
            c.jwks_url = Some(url);
        },
        None,
    );
    block_on(async {
        v.prefetch().await;
        assert!(v.verify(&remote.sign(Some("remote"), &claims())).await.is_ok());
        assert!(v.verify(&local.sign(Some("local"), &claims())).await.is_ok());
    });
    server.join().expect("was asked once");
    std::fs::remove_file(file).expect("removes");
}

#[test]
fn a_key_that_was_withdrawn_is_forgotten_with_age() {
    let old = test_key(Algorithm::EdDSA, "old");
    let new = test_key(Algorithm::EdDSA, "new");
    let sets = [&old, &new].map(|key| json!({ "keys": [key.jwk] }).to_string());
    let (url, server) = jwks_server(sets.into());
    let v = verifier_with(|c| c.jwks_url = Some(url), None);
    block_on(async {
        v.prefetch().await;
        let token = old.sign(Some("old"), &claims());
        assert!(v.verify(&token).await.is_ok());
        v.forget_last_fetch().await;
        let forgotten = async {
            while v.verify(&token).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = v.run_refresh(std::time::Duration::from_millis(10)) => unreachable!("it runs for as long as the server does"),
            () = forgotten => {}
        }
    });
    server.join().expect("was asked twice");
}

impl Verifier {
    async fn forget_last_fetch(&self) {
        self.jwks.as_ref().expect("has keys").forget_last_fetch().await;
    }
}
