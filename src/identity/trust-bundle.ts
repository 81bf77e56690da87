import { X509Certificate } from 'node:crypto'

const certificateBlock = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n?/g

/** The certificates of a PEM text, whatever else stands between them. */
export function certificatesIn(pem: string): string[] {
  return pem.match(certificateBlock) ?? []
}

/**
 * @throws Error unless `pem` holds CA certificates and no others. To be asked before a bundle is believed: where it is
 * empty, Node takes the public CAs instead.
 */
export function checkTrustBundle(pem: string): void {
  const certificates = certificatesIn(pem)
  if (certificates.length === 0) throw new Error('the trust bundle holds no certificate')
  for (const certificate of certificates)
    if (!new X509Certificate(certificate).ca)
      throw new Error('the trust bundle holds a certificate that is not of a CA')
}
