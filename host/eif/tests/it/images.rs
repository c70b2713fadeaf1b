//! Whole images.

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
use ringi_attestation::Pcr;
use ringi_eif::{EifError, Image, Metadata, SigningKey};

fn image() -> Image {
    let metadata = Metadata::new("ringi-cosigner", "0.1.0", "6.12.1");
    Image::new(b"kernel".to_vec(), "console=ttyS0 panic=30", &metadata, vec![b"boot".to_vec(), b"application".to_vec()])
}

fn signer() -> SigningKey {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let certificate = CertificateParams::new(vec!["publisher".into()]).unwrap().self_signed(&key).unwrap();
    SigningKey::new(&key.serialize_der(), pem(certificate.der()).as_bytes()).unwrap()
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

#[test]
fn equal_input_gives_equal_bytes_and_comes_back() {
    let bytes = image().write();
    assert_eq!(bytes, image().write());
    assert_eq!(Image::parse(&bytes), Ok(image()));
    assert_eq!(&bytes[..6], b".eif\x00\x04");
}

#[test]
fn registers_are_those_of_the_hypervisor() {
    let found = image().measure().unwrap();
    let (kernel, cmdline) = (&b"kernel"[..], &b"console=ttyS0 panic=30"[..]);
    assert_eq!(found.image, Pcr::of_image([kernel, cmdline, b"boot", b"application"]));
    assert_eq!(found.boot, Pcr::of_image([kernel, cmdline, b"boot"]));
    assert_eq!(found.application, Pcr::of_image([&b"application"[..]]));
    assert_eq!(found.signer, None);
}

#[test]
fn metadata_and_signature_are_not_measured() {
    let mut other = image();
    other.metadata = b"{}".to_vec();
    other.sign(&signer()).unwrap();
    let (before, after) = (image().measure().unwrap(), other.measure().unwrap());
    assert_eq!((before.image, before.boot, before.application), (after.image, after.boot, after.application));
    assert!(after.signer.is_some());
}

#[test]
fn each_part_moves_its_registers() {
    let base = image().measure().unwrap();
    let changed = |change: fn(&mut Image)| {
        let mut other = image();
        change(&mut other);
        let found = other.measure().unwrap();
        (found.image != base.image, found.boot != base.boot, found.application != base.application)
    };
    assert_eq!(changed(|i| i.kernel[0] ^= 1), (true, true, false));
    assert_eq!(changed(|i| i.cmdline.push(' ')), (true, true, false));
    assert_eq!(changed(|i| i.ramdisks[0][0] ^= 1), (true, true, false));
    assert_eq!(changed(|i| i.ramdisks[1][0] ^= 1), (true, false, true));
}

#[test]
fn a_signature_holds_for_its_image_only() {
    assert_eq!(image().verify_signature(), Err(EifError::Unsigned));
    let mut signed = image();
    signed.sign(&signer()).unwrap();
    let register = signed.verify_signature().unwrap();
    assert_eq!(signed.measure().unwrap().signer, Some(register));
    let read = Image::parse(&signed.write()).unwrap();
    assert_eq!(read.verify_signature(), Ok(register));
    let mut other = signed.clone();
    other.ramdisks[1].push(0);
    assert_eq!(other.verify_signature(), Err(EifError::Signature("it is over another PCR0")));
    let mut by_another = image();
    by_another.sign(&signer()).unwrap();
    assert_ne!(by_another.verify_signature().unwrap(), register);
}

#[test]
fn no_byte_of_a_signed_image_flips_unnoticed() {
    let mut signed = image();
    signed.sign(&signer()).unwrap();
    let bytes = signed.write();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(Image::parse(&flipped).is_err(), "byte {at}");
    }
}

#[test]
fn cut_and_lengthened_images_are_refused() {
    let bytes = image().write();
    for end in 0..bytes.len() {
        assert!(Image::parse(&bytes[..end]).is_err());
    }
    assert!(Image::parse(&[bytes.as_slice(), &[0]].concat()).is_err());
}

#[test]
fn keys_of_another_curve_or_certificate_do_not_sign() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let other = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let of = |key: &KeyPair| pem(CertificateParams::new(vec!["x".into()]).unwrap().self_signed(key).unwrap().der());
    let refused = |pkcs8: &[u8], pem: &str| SigningKey::new(pkcs8, pem.as_bytes()).err().map(|e| e.code());
    assert_eq!(refused(&key.serialize_der(), &of(&key)), None);
    assert_eq!(refused(&key.serialize_der(), &of(&other)), Some("eif.certificate"));
    let small = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    assert_eq!(refused(&small.serialize_der(), &of(&small)), Some("eif.certificate"));
    assert_eq!(refused(&key.serialize_der(), "no certificate"), Some("eif.certificate"));
}
