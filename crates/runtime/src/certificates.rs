//! Certificates for TLS interception: functions of `packages/native/src/certificates.ts`.
//!
//! Signing takes a fraction of a millisecond with an elliptic curve and several with RSA, so it happens off the event
//! loop.

use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Error, Task};
use napi_derive::napi;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SigningKey,
};
use thiserror::Error as ThisError;
use time::{Duration, OffsetDateTime};

/// Clocks of guests may run behind.
const BACKDATED: Duration = Duration::seconds(2);
const AUTHORITY_NAME: &str = "microsandbox CA";
const ORGANIZATION: &str = "microsandbox";

#[derive(Debug, ThisError)]
enum CertificateError {
    #[error("authority's key: {0}")]
    AuthorityKey(#[source] rcgen::Error),
    #[error("authority: {0}")]
    Authority(#[source] rcgen::Error),
    #[error("it would end after the last year of a calendar")]
    Validity,
    #[error(transparent)]
    Certificate(#[from] rcgen::Error),
}

/// A certificate and its key, both PEM.
#[napi(object)]
pub struct CertificatePair {
    pub certificate_pem: String,
    pub key_pem: String,
}

#[napi(object, object_to_js = false)]
pub struct CertificateRequest {
    pub authority: CertificatePair,
    pub name: String,
    pub validity_hours: f64,
}

/// A new authority; times, serial number and key identifier are the library's own (spec: network 13.1).
fn generate_authority() -> Result<CertificatePair, CertificateError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, AUTHORITY_NAME);
    params
        .distinguished_name
        .push(DnType::OrganizationName, ORGANIZATION);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(CertificatePair {
        certificate_pem: certificate.pem(),
        key_pem: key.serialize_pem(),
    })
}

/// A certificate for a server, signed by the authority (spec: network 13.2).
fn issue(request: &CertificateRequest) -> Result<CertificatePair, CertificateError> {
    let CertificatePair {
        certificate_pem,
        key_pem,
    } = &request.authority;
    let authority_key = KeyPair::from_pem(key_pem).map_err(CertificateError::AuthorityKey)?;
    let authority = Issuer::from_ca_cert_pem(certificate_pem, authority_key)
        .map_err(CertificateError::Authority)?;
    let key = KeyPair::generate()?;
    let params = server_params(&request.name, request.validity_hours)?;
    sign(&params, &key, &authority)
}

fn sign(
    params: &CertificateParams,
    key: &KeyPair,
    authority: &Issuer<'_, impl SigningKey>,
) -> Result<CertificatePair, CertificateError> {
    Ok(CertificatePair {
        certificate_pem: params.signed_by(key, authority)?.pem(),
        key_pem: key.serialize_pem(),
    })
}

fn server_params(name: &str, validity_hours: f64) -> Result<CertificateParams, CertificateError> {
    // An IP address becomes an alternative name of that kind.
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = OffsetDateTime::now_utc();
    params.not_before = now - BACKDATED;
    params.not_after = Duration::checked_seconds_f64(validity_hours * 3600.0)
        .and_then(|validity| now.checked_add(validity))
        .ok_or(CertificateError::Validity)?;
    Ok(params)
}

pub struct GenerateAuthority;

impl Task for GenerateAuthority {
    type Output = CertificatePair;
    type JsValue = CertificatePair;

    fn compute(&mut self) -> napi::Result<CertificatePair> {
        generate_authority().map_err(reason)
    }

    fn resolve(&mut self, _env: Env, pair: CertificatePair) -> napi::Result<CertificatePair> {
        Ok(pair)
    }
}

pub struct IssueCertificate(CertificateRequest);

impl Task for IssueCertificate {
    type Output = CertificatePair;
    type JsValue = CertificatePair;

    fn compute(&mut self) -> napi::Result<CertificatePair> {
        issue(&self.0).map_err(reason)
    }

    fn resolve(&mut self, _env: Env, pair: CertificatePair) -> napi::Result<CertificatePair> {
        Ok(pair)
    }
}

/// Makes a certificate authority.
#[napi(ts_return_type = "Promise<CertificatePair>")]
pub fn generate_certificate_authority() -> AsyncTask<GenerateAuthority> {
    AsyncTask::new(GenerateAuthority)
}

/// Makes and signs a server's certificate; rejects with the reason when that cannot be.
#[napi(ts_return_type = "Promise<CertificatePair>")]
pub fn issue_certificate(request: CertificateRequest) -> AsyncTask<IssueCertificate> {
    AsyncTask::new(IssueCertificate(request))
}

fn reason(error: CertificateError) -> Error {
    Error::from_reason(error.to_string())
}
