// Of gateways: their infra-backend is echo-v1 here.
import { httpRoute, prefix, to, type ConformanceTable, type Row } from '../table.ts'

function shared(path: string, cors: object): object {
  return { matches: [prefix(path)], filters: [{ type: 'CORS', cors }], backendRefs: to('echo-v1') }
}

/** What a browser asks for before the request itself. */
interface Preflight {
  readonly path: string
  readonly origin: string
  readonly method: string
  /** `access-control-request-headers`. */
  readonly headers?: string
}

function preflight({ path, origin, method, headers }: Preflight, expect: Row['expect']): Row {
  const fields = {
    origin,
    'access-control-request-method': method,
    ...(headers !== undefined && { 'access-control-request-headers': headers }),
  }
  return {
    name: `preflight of ${method} ${path} from ${origin}`,
    request: { path, method: 'OPTIONS', headers: fields },
    expect: { status: [200, 204], ...expect },
  }
}

function simple(path: string, origin: string, expect: Row['expect'], method = 'GET'): Row {
  return {
    name: `${method} ${path} from ${origin}`,
    request: { path, method, headers: { origin } },
    expect: { backend: 'echo-v1', ...expect },
  }
}

const allowed = (origin: string) => ({ 'access-control-allow-origin': [origin, '*'] })
const asked = 'x-header-1, x-header-2'
const noCredentials = ['access-control-allow-credentials']

function allowedByFirst(origin: string): Row['expect'] {
  return {
    answer: {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, OPTIONS',
      'access-control-allow-headers': asked,
      'access-control-expose-headers': 'x-header-3, x-header-4',
      'access-control-max-age': '3600',
      'access-control-allow-credentials': 'true',
    },
  }
}

const first = (origin: string): Preflight => ({
  path: '/cors-1',
  origin,
  method: 'GET',
  headers: asked,
})

const anything = { allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'] }
const other = 'https://other.foo.com'

export const httpRouteCors: ConformanceTable = {
  name: 'HTTPRouteCORS',
  source: 'conformance/tests/httproute-cors.go',
  routes: [
    httpRoute([
      shared('/cors-1', {
        allowOrigins: ['https://www.foo.com', 'https://*.bar.com'],
        allowMethods: ['GET', 'OPTIONS'],
        allowHeaders: ['x-header-1', 'x-header-2'],
        exposeHeaders: ['x-header-3', 'x-header-4'],
        allowCredentials: true,
        maxAge: 3600,
      }),
      shared('/cors-2', { allowOrigins: ['https://www.foo.com'], allowMethods: ['*'] }),
      shared('/cors-wildcard-origin', {
        allowOrigins: ['*'],
        allowMethods: ['PUT'],
        allowCredentials: false,
      }),
      shared('/cors-wildcard-methods-headers', { ...anything, allowCredentials: true }),
      shared('/cors-wildcard-methods-headers-unauth', { ...anything, allowCredentials: false }),
    ]),
  ],
  rows: [
    preflight(first('https://www.foo.com'), allowedByFirst('https://www.foo.com')),
    preflight(first('https://www.bar.com'), allowedByFirst('https://www.bar.com')),
    preflight(first('https://xpto.www.bar.com'), allowedByFirst('https://xpto.www.bar.com')),
    preflight(
      { path: '/cors-1', origin: 'https://foobar.com', method: 'GET' },
      { status: [200, 204, 403], absentAnswer: ['access-control-allow-origin'] },
    ),
    simple('/cors-1', 'https://www.foo.com', {
      answer: { 'access-control-allow-origin': 'https://www.foo.com' },
    }),
    simple('/cors-1', 'https://www.bar.com', {
      answer: { 'access-control-allow-origin': 'https://www.bar.com' },
    }),
    simple('/cors-1', 'https://foobar.com', { absentAnswer: ['access-control-allow-origin'] }),
    preflight(
      { path: '/cors-2', origin: 'https://www.foo.com', method: 'POST' },
      {
        answer: {
          'access-control-allow-origin': 'https://www.foo.com',
          'access-control-allow-methods': ['POST', '*'],
        },
        absentAnswer: noCredentials,
      },
    ),
    ...['https://foobar.com', 'https://foobar.com:12345'].flatMap(origin => [
      preflight(
        { path: '/cors-wildcard-origin', origin, method: 'PUT' },
        {
          answer: { ...allowed(origin), 'access-control-allow-methods': 'PUT' },
          absentAnswer: noCredentials,
        },
      ),
      simple('/cors-wildcard-origin', origin, { answer: allowed(origin) }, 'PUT'),
    ]),
    preflight(
      { path: '/cors-wildcard-methods-headers', origin: other, method: 'PUT', headers: asked },
      {
        answer: {
          'access-control-allow-origin': other,
          'access-control-allow-methods': 'PUT',
          'access-control-allow-headers': asked,
          'access-control-allow-credentials': 'true',
        },
      },
    ),
    preflight(
      {
        path: '/cors-wildcard-methods-headers-unauth',
        origin: other,
        method: 'PUT',
        headers: asked,
      },
      {
        answer: {
          ...allowed(other),
          'access-control-allow-methods': ['PUT', '*'],
          'access-control-allow-headers': [asked, '*'],
        },
        absentAnswer: noCredentials,
      },
    ),
    simple('/cors-wildcard-methods-headers', other, {
      answer: {
        'access-control-allow-origin': other,
        'access-control-allow-credentials': 'true',
      },
    }),
    simple('/cors-wildcard-methods-headers-unauth', other, {
      answer: allowed(other),
      absentAnswer: noCredentials,
    }),
  ],
}
