import type { ConformanceTable } from '../table.ts'
import { grpcRouteExactMethodMatching } from './grpc-route-exact-method-matching.ts'
import { grpcRouteHeaderMatching } from './grpc-route-header-matching.ts'
import { grpcRouteRequestHeaderModifier } from './grpc-route-request-header-modifier.ts'
import { grpcRouteWeight } from './grpc-route-weight.ts'
import { httpRoute303Redirect } from './http-route-303-redirect.ts'
import { httpRoute307Redirect } from './http-route-307-redirect.ts'
import { httpRoute308Redirect } from './http-route-308-redirect.ts'
import { httpRouteCors } from './http-route-cors.ts'
import { httpRouteMatching } from './http-route-matching.ts'
import { httpRouteNamedRule } from './http-route-named-rule.ts'
import { httpRouteQueryParamMatching } from './http-route-query-param-matching.ts'
import { httpRouteRedirectHostAndStatus } from './http-route-redirect-host-and-status.ts'
import { httpRouteRedirectPath } from './http-route-redirect-path.ts'
import { httpRouteRedirectPort } from './http-route-redirect-port.ts'
import {
  httpRouteRequestHeaderModifier,
  httpRouteBackendRequestHeaderModifier,
} from './http-route-request-header-modifier.ts'
import {
  httpRouteRequestMirror,
  httpRouteRequestMultipleMirrors,
  httpRouteRequestPercentageMirror,
} from './http-route-request-mirror.ts'
import { httpRouteResponseHeaderModifier } from './http-route-response-header-modifier.ts'
import { httpRouteBackendUrlRewrite, httpRouteRewriteHost } from './http-route-rewrite-host.ts'
import { httpRouteRewritePath } from './http-route-rewrite-path.ts'
import { httpRouteSchemeRedirect } from './http-route-scheme-redirect.ts'
import { httpRouteSimpleSameNamespace } from './http-route-simple-same-namespace.ts'
import { httpRouteWeight } from './http-route-weight.ts'
import { meshBasic } from './mesh-basic.ts'
import { meshConsumerRoute } from './mesh-consumer-route.ts'
import { meshFrontendHostname } from './mesh-frontend-hostname.ts'
import { meshFrontend } from './mesh-frontend.ts'
import { meshPorts } from './mesh-ports.ts'
import { meshTrafficSplit } from './mesh-split.ts'

/** Of meshes and of gateways. */
export const tables: readonly ConformanceTable[] = [
  grpcRouteExactMethodMatching,
  grpcRouteHeaderMatching,
  grpcRouteRequestHeaderModifier,
  grpcRouteWeight,
  httpRoute303Redirect,
  httpRoute307Redirect,
  httpRoute308Redirect,
  httpRouteCors,
  httpRouteMatching,
  httpRouteNamedRule,
  httpRouteQueryParamMatching,
  httpRouteRedirectHostAndStatus,
  httpRouteRedirectPath,
  httpRouteRedirectPort,
  httpRouteRequestHeaderModifier,
  httpRouteBackendRequestHeaderModifier,
  httpRouteRequestMirror,
  httpRouteRequestMultipleMirrors,
  httpRouteRequestPercentageMirror,
  httpRouteResponseHeaderModifier,
  httpRouteBackendUrlRewrite,
  httpRouteRewriteHost,
  httpRouteRewritePath,
  httpRouteSchemeRedirect,
  httpRouteSimpleSameNamespace,
  httpRouteWeight,
  meshBasic,
  meshConsumerRoute,
  meshFrontendHostname,
  meshFrontend,
  meshPorts,
  meshTrafficSplit,
]
