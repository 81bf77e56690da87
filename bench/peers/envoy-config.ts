import type { Protocol } from '../bench-case.ts'
import { certificateFiles, type PairEnd } from '../setting/certificates.ts'
import { serverName } from '../setting/server-name.ts'

/** One Envoy process: a listener, its only route, and where that leads. TCP to the cluster is TCP throughout. */
export interface EnvoyConfig {
  readonly adminPort: number
  readonly listener: { readonly port: number; readonly mtls: boolean }
  readonly cluster: { readonly port: number; readonly mtls: boolean; readonly protocol: Protocol }
}

/**
 * Envoy's bootstrap with what a mesh would have on: outlier detection, retries, a route timeout and an access log.
 * JSON is YAML, so it is written as the former.
 */
export function envoyBootstrap(config: EnvoyConfig): string {
  return JSON.stringify({
    admin: { address: loopback(config.adminPort) },
    static_resources: { listeners: [listener(config)], clusters: [cluster(config)] },
  })
}

function listener({ listener: { port, mtls }, cluster: { protocol } }: EnvoyConfig): object {
  const tcp = protocol === 'tcp'
  const tlsContext = {
    '@type': type('transport_sockets.tls.v3.DownstreamTlsContext'),
    require_client_certificate: true,
    common_tls_context: commonTls('server', tcp ? undefined : ['h2', 'http/1.1']),
  }
  return {
    name: 'downstream',
    address: loopback(port),
    filter_chains: [
      {
        filters: [{ name: 'network', typed_config: tcp ? tcpProxy : connectionManager }],
        ...(mtls ? { transport_socket: { name: 'tls', typed_config: tlsContext } } : {}),
      },
    ],
  }
}

const accessLog = [
  {
    name: 'file',
    typed_config: {
      '@type': type('access_loggers.file.v3.FileAccessLog'),
      path: '/dev/null',
    },
  },
]

const tcpProxy = {
  '@type': type('filters.network.tcp_proxy.v3.TcpProxy'),
  stat_prefix: 'tcp',
  cluster: 'upstream',
  access_log: accessLog,
}

const connectionManager = {
  '@type': type('filters.network.http_connection_manager.v3.HttpConnectionManager'),
  stat_prefix: 'http',
  codec_type: 'AUTO',
  route_config: {
    name: 'routes',
    virtual_hosts: [
      {
        name: 'all',
        domains: ['*'],
        routes: [
          {
            match: { prefix: '/' },
            route: {
              cluster: 'upstream',
              timeout: '15s',
              retry_policy: {
                retry_on: 'connect-failure,refused-stream,reset-before-request,503',
                num_retries: 2,
              },
            },
          },
        ],
      },
    ],
  },
  http_filters: [
    {
      name: 'envoy.filters.http.router',
      typed_config: { '@type': type('filters.http.router.v3.Router') },
    },
  ],
  access_log: accessLog,
}

function cluster({ cluster: { port, mtls, protocol } }: EnvoyConfig): object {
  const protocolOptions = type('upstreams.http.v3.HttpProtocolOptions')
  const http2 = protocol === 'http2'
  const tlsContext = {
    '@type': type('transport_sockets.tls.v3.UpstreamTlsContext'),
    sni: serverName,
    common_tls_context: commonTls('client', http2 ? ['h2'] : undefined),
  }
  const limit = 10_000
  return {
    name: 'upstream',
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: 'upstream',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: loopback(port) } }] }],
    },
    outlier_detection: { consecutive_5xx: 5 },
    // Envoy's own defaults of 1024 would refuse nothing here either; they are raised to be beyond doubt.
    circuit_breakers: {
      thresholds: [{ max_connections: limit, max_requests: limit, max_pending_requests: limit }],
    },
    ...(http2
      ? {
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': protocolOptions,
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        }
      : {}),
    ...(mtls ? { transport_socket: { name: 'tls', typed_config: tlsContext } } : {}),
  }
}

function commonTls(end: PairEnd, alpn: readonly string[] | undefined): object {
  const { certificate, key, authority } = certificateFiles(end)
  return {
    tls_params: {
      tls_minimum_protocol_version: 'TLSv1_3',
      tls_maximum_protocol_version: 'TLSv1_3',
    },
    tls_certificates: [
      { certificate_chain: { filename: certificate }, private_key: { filename: key } },
    ],
    validation_context: { trusted_ca: { filename: authority } },
    ...(alpn === undefined ? {} : { alpn_protocols: alpn }),
  }
}

function loopback(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}

function type(name: string): string {
  return `type.googleapis.com/envoy.extensions.${name}`
}
