import {
  defaultPlaceholder,
  type HostPattern,
  placeholderProblem,
  type SecretEntry,
  type ViolationAction,
} from '@microsandbox/network';
import { configured } from '../builders/configure.ts';
import { ViolationActionBuilder } from './violation-action-builder.ts';

/** Where in a request a placeholder becomes the value. */
export interface SecretInjection {
  headers: boolean;
  basicAuth: boolean;
  queryParams: boolean;
  body: boolean;
}

/** A secret as `SecretBuilder.build` returns it. */
export interface SecretOptions {
  envVar: string;
  value: string;
  placeholder: string;
  allowedHosts: string[];
  allowedHostPatterns: string[];
  allowAnyHost: boolean;
  requireTlsIdentity: boolean;
  injection: SecretInjection;
}

/**
 * A value that never enters the guest: programs there see a placeholder, which becomes the value on its way to the
 * hosts that are allowed to have it.
 *
 * @example builder.secret((s) => s.env('API_KEY').value(key).allowHost('api.example.com'))
 */
export class SecretBuilder {
  #env: string | undefined;
  #value: string | undefined;
  #source: SecretEntry['source'];
  #placeholder: string | undefined;
  readonly #hosts: HostPattern[] = [];
  #requireTlsIdentity = true;
  readonly #injection: SecretInjection = {
    headers: true,
    basicAuth: true,
    queryParams: false,
    body: false,
  };
  #onViolation: ViolationAction | undefined;

  /** Variable of the guest that holds the placeholder. */
  env(name: string): this {
    this.#env = name;
    return this;
  }

  value(value: string): this {
    this.#value = value;
    return this;
  }

  /**
   * Takes the value from a variable of the environment in which the sandbox is started, each time it is. Only the
   * variable's name is stored.
   */
  valueFromEnv(name: string): this {
    this.#source = { kind: 'env', var: name };
    return this;
  }

  /** What the guest sees; `$MSB_<env>` when not set. At most 1024 bytes. */
  placeholder(placeholder: string): this {
    this.#placeholder = placeholder;
    return this;
  }

  allowHost(host: string): this {
    this.#hosts.push({ exact: host });
    return this;
  }

  /** `*.suffix`: the domain and everything under it. */
  allowHostPattern(pattern: string): this {
    this.#hosts.push({ wildcard: pattern });
    return this;
  }

  /** Lets the value go anywhere, which gives up what secrets are for. */
  allowAnyHostDangerous(really: boolean): this {
    if (really) this.#hosts.push('any');
    return this;
  }

  /** Only where the server proved its name by a certificate. On by default. */
  requireTlsIdentity(on: boolean): this {
    this.#requireTlsIdentity = on;
    return this;
  }

  /** On by default. */
  injectHeaders(on: boolean): this {
    this.#injection.headers = on;
    return this;
  }

  /** In the decoded user and password of basic authentication. On by default. */
  injectBasicAuth(on: boolean): this {
    this.#injection.basicAuth = on;
    return this;
  }

  injectQuery(on: boolean): this {
    this.#injection.queryParams = on;
    return this;
  }

  injectBody(on: boolean): this {
    this.#injection.body = on;
    return this;
  }

  /** What happens when the placeholder is sent to another host; see also `NetworkBuilder.onSecretViolation`. */
  onViolation(configure: (builder: ViolationActionBuilder) => ViolationActionBuilder): this {
    this.#onViolation = configured(new ViolationActionBuilder(), configure, ViolationActionBuilder).take();
    return this;
  }

  /** @throws Error for what is missing or cannot be */
  build(): SecretOptions {
    const { env_var, value, placeholder } = this.take();
    const named = (key: 'exact' | 'wildcard'): string[] =>
      this.#hosts.flatMap((host) => (typeof host === 'object' && key in host ? Object.values(host) : []));
    return {
      envVar: env_var,
      value,
      placeholder,
      allowedHosts: named('exact'),
      allowedHostPatterns: named('wildcard'),
      allowAnyHost: this.#hosts.includes('any'),
      requireTlsIdentity: this.#requireTlsIdentity,
      injection: { ...this.#injection },
    };
  }

  /** @internal The stored form. */
  take(): SecretEntry {
    if (this.#env === undefined) throw new Error('SecretBuilder: .env() is required');
    if ((this.#value === undefined) === (this.#source === undefined)) {
      throw new Error('SecretBuilder: exactly one of .value() or .source() is required');
    }
    if (this.#hosts.length === 0) {
      throw new Error(
        'SecretBuilder: at least one allowed host is required; use .allow_any_host_dangerous(true) for an ' +
          'explicit any-host secret',
      );
    }
    const placeholder = this.#placeholder ?? defaultPlaceholder(this.#env);
    const problem = placeholderProblem(placeholder);
    if (problem !== null) throw new Error(`SecretBuilder: ${problem}`);
    const { headers, basicAuth, queryParams, body } = this.#injection;
    return {
      env_var: this.#env,
      value: this.#value ?? '',
      ...(this.#source !== undefined && { source: this.#source }),
      placeholder,
      allowed_hosts: [...this.#hosts],
      injection: { headers, basic_auth: basicAuth, query_params: queryParams, body },
      ...(this.#onViolation !== undefined && { on_violation: this.#onViolation }),
      require_tls_identity: this.#requireTlsIdentity,
    };
  }
}
