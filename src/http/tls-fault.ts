/** What is wrong with a server beyond the mesh, and what to do about it, by OpenSSL's and Node's names. */
const faults: readonly (readonly [code: RegExp, explanation: string])[] = [
  [
    /^CERT_HAS_EXPIRED$/,
    'its certificate has expired; whoever runs it must renew it, or the clock here is wrong',
  ],
  [/^CERT_NOT_YET_VALID$/, 'its certificate is not valid yet; is the clock here right?'],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    'its certificate is for other names; set tls.sni or tls.subjectAltNames of the ServiceEntry if one of them is meant',
  ],
  [
    /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT(?:_LOCALLY)?|CERT_UNTRUSTED)$/,
    'its certificate comes from a CA that is not believed; give that CA as tls.caFile or tls.caCertificate of the ServiceEntry',
  ],
  [/^CERT_REVOKED$/, 'its certificate is revoked'],
  [
    /^(?:EPROTO|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|ERR_SSL_HTTP_REQUEST)$/,
    'it does not speak TLS on this port, or not one that is spoken here; set targetPort of the ServiceEntry, or tls.mode none',
  ],
  [
    /^ERR_SSL_(?:UNSUPPORTED_PROTOCOL|TLSV1_ALERT_PROTOCOL_VERSION|UNSUPPORTED_SSL_VERSION)$/,
    'it speaks no TLS of version 1.2 or newer',
  ],
  [
    /ALERT_NO_APPLICATION_PROTOCOL$/,
    'it does not speak HTTP/2; give its port the protocol http in the ServiceEntry',
  ],
  [
    /CERTIFICATE_REQUIRED|ALERT_BAD_CERTIFICATE|ALERT_UNKNOWN_CA|ALERT_HANDSHAKE_FAILURE|ALERT_CERTIFICATE/,
    'it refused us, perhaps our certificate; see tls.mode mutual of the ServiceEntry',
  ],
]

/** In words for people; undefined for what is not known to be a fault of TLS. */
export function explainTlsFault(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return faults.find(([pattern]) => pattern.test(code))?.[1]
}
