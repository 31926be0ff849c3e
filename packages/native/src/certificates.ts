/** A certificate and its private key (PKCS#8), both PEM. */
export interface CertificatePair {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** Input of {@link CertificateAddon.issueCertificate}. */
export interface CertificateRequest {
  /** Signs; its key as PKCS#8. */
  readonly authority: CertificatePair;
  /** Server name or IP address: common name and only alternative name. */
  readonly name: string;
  /** Hours from now after which the certificate is no longer valid. */
  readonly validityHours: number;
}

/** Certificates for TLS interception (spec: network 13.1, 13.2). Both functions work off the event loop. */
export interface CertificateAddon {
  /** A new self-signed authority: ECDSA P-256, valid until 4096. */
  generateCertificateAuthority(): Promise<CertificatePair>;

  /**
   * A certificate for a TLS server, with a fresh P-256 key.
   *
   * @throws InvalidConfigError for an authority that cannot sign or a name that no certificate can have
   */
  issueCertificate(request: CertificateRequest): Promise<CertificatePair>;
}
