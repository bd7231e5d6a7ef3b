import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Deployment as KubernetesDeployment } from 'kubernetes-types/apps/v1'
import { z } from 'zod'

import { readConfig, SECRET_NAMES, VARIABLE_NAMES } from '../../src/config.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CHART = join(ROOT, 'deploy/helm/lago-dodo-bridge')
const read = (path: string) => readFileSync(join(CHART, path), 'utf8')

/** Those that a pod is given by the chart itself. */
const OF_THE_CHART = ['PORT', 'HOST', 'DATA_DIR']
const SETS = readdirSync(join(CHART, 'ci'))

const helm = Bun.which('helm')

const run = (args: string[]) => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(args)
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}
const render = (set: string, ...more: string[]) =>
  run([helm ?? '', 'template', 'shop', CHART, '--values', join(CHART, 'ci', set), ...more])

const Manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
})
const manifestsIn = (text: string) => {
  const parsed: unknown = Bun.YAML.parse(text)
  const all = Array.isArray(parsed) ? parsed : [parsed]
  return z.array(Manifest).parse(all.filter((one) => one !== null))
}
const manifestsOf = (set: string, ...more: string[]) => {
  const { exitCode, stdout, stderr } = render(set, ...more)
  // That the alerts and the board lie elsewhere is said each time.
  const said = stderr.split('\n').filter((line) => !line.includes('found symbolic link'))
  expect(said.join('\n')).toBe('')
  expect(exitCode).toBe(0)
  return manifestsIn(stdout)
}

const DEPLOYMENT = 'Deployment' satisfies KubernetesDeployment['kind']

const Variable = z.object({
  name: z.string(),
  value: z.string().optional(),
  valueFrom: z.object({ secretKeyRef: z.object({ name: z.string(), key: z.string() }) }).optional(),
})
const Probe = z.looseObject({ httpGet: z.object({ path: z.string(), port: z.literal('http') }) })
const Container = z.looseObject({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()),
  env: z.array(Variable),
  envFrom: z.tuple([z.object({ secretRef: z.object({ name: z.string() }) })]),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
  securityContext: z.object({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
  }),
})
const Server = Container.extend({
  livenessProbe: Probe,
  readinessProbe: Probe,
  startupProbe: Probe,
})
const Deployment = z.looseObject({
  spec: z.looseObject({
    replicas: z.number().optional(),
    strategy: z.looseObject({ type: z.string() }),
    template: z.looseObject({
      spec: z.looseObject({
        automountServiceAccountToken: z.literal(false),
        enableServiceLinks: z.literal(false),
        terminationGracePeriodSeconds: z.number(),
        securityContext: z.looseObject({
          runAsNonRoot: z.literal(true),
          runAsUser: z.literal(10001),
          runAsGroup: z.literal(10001),
          fsGroupChangePolicy: z.literal('OnRootMismatch'),
          seccompProfile: z.object({ type: z.literal('RuntimeDefault') }),
        }),
        initContainers: z.array(Container).optional(),
        containers: z.tuple([Server]),
      }),
    }),
  }),
})
const podOf = (set: string, ...more: string[]) => {
  const found = manifestsOf(set, ...more).find(({ kind }) => kind === DEPLOYMENT)
  const { spec } = Deployment.parse(found)
  const {
    containers: [server],
    initContainers: [init] = [],
  } = spec.template.spec
  return { spec, pod: spec.template.spec, server, init }
}

describe('the chart', () => {
  const values = z
    .looseObject({ config: z.record(z.string(), z.unknown()) })
    .parse(Bun.YAML.parse(read('values.yaml')))
  const Schema = z.looseObject({
    properties: z.record(z.string(), z.looseObject({})),
    additionalProperties: z.literal(false),
  })
  const schema = Schema.parse(JSON.parse(read('values.schema.json')))
  const toVariable = (name: string) => name.replaceAll(/[A-Z]/g, (one) => `_${one}`).toUpperCase()

  test('has the version of the bridge', () => {
    const { version } = z
      .object({ version: z.string() })
      .parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')))

    expect(read('Chart.yaml')).toContain(`appVersion: ${version}\n`)
    expect(read('Chart.yaml')).toContain(`\nversion: ${version}\n`)
  })

  test('has a value for every setting that is no secret, and for no other', () => {
    const secrets: readonly string[] = SECRET_NAMES
    const open = VARIABLE_NAMES.filter(
      (name) => !secrets.includes(name) && !OF_THE_CHART.includes(name),
    )

    expect(Object.keys(values.config).map(toVariable)).toEqual(open)
  })

  test('describes each of its values in the schema, and takes no other', () => {
    const { config, secrets } = schema.properties
    const ofSecrets = Schema.parse(z.looseObject({ properties: z.any() }).parse(secrets))
    const known = z.looseObject({ values: Schema }).parse(ofSecrets.properties).values

    expect(Object.keys(schema.properties).toSorted()).toEqual(
      ['global', ...Object.keys(values)].toSorted(),
    )
    expect(Object.keys(Schema.parse(config).properties)).toEqual(Object.keys(values.config))
    expect(Object.keys(known.properties).toSorted()).toEqual([...SECRET_NAMES].toSorted())
  })

  test('brings along the alerts and the board that lie beside it', () => {
    for (const path of ['prometheus/bridge.rules.yaml', 'grafana/bridge.json'])
      expect(read(`files/${basename(path)}`)).toBe(readFileSync(join(ROOT, 'deploy', path), 'utf8'))
  })

  test('leaves the bridge its own label `service`, by which alerts and board tell whom it asked', () => {
    const rules = read('files/bridge.rules.yaml')
    expect(rules).toContain('sum by (service)')
    expect(read('templates/servicemonitor.yaml')).toContain('\n      honorLabels: true\n')
  })

  test('takes a rule for each service that its network policy names', () => {
    const policy = read('templates/networkpolicy.yaml')
    const egress = policy.slice(policy.indexOf('.Values.networkPolicy.egress'))
    const named = new Set(egress.match(/(?<=[\s(]\.)[a-z]+\b/g))
    const Egress = z.looseObject({ networkPolicy: z.looseObject({ egress: z.looseObject({}) }) })
    const { networkPolicy } = Egress.parse(values)
    const described = z
      .looseObject({ properties: z.looseObject({ egress: Schema }) })
      .parse(schema.properties['networkPolicy'])

    expect([...named].toSorted()).toEqual(Object.keys(networkPolicy.egress).toSorted())
    expect(Object.keys(described.properties.egress.properties).toSorted()).toEqual(
      [...named].toSorted(),
    )
  })

  test('sends no more to strangers than the README asks for', () => {
    const { ingress } = z
      .looseObject({ ingress: z.looseObject({ paths: z.array(z.string()) }) })
      .parse(values)

    expect(ingress.paths).toContain('/webhooks')
    expect(ingress.paths).toContain('/pay')
    // By which `doctor` sees that PUBLIC_URL leads here at all.
    expect(ingress.paths).toContain('/health')
    expect(
      ingress.paths.filter((path) => /^\/(?:api|dashboard|metrics|ready)?$/.test(path)),
    ).toEqual([])
  })
})

describe.skipIf(!helm)('rendered by helm', () => {
  test.each(SETS)('%s passes its lint, strictly', (set) => {
    const { exitCode, stdout } = run([
      helm ?? '',
      'lint',
      '--strict',
      CHART,
      '--values',
      join(CHART, 'ci', set),
    ])

    expect(stdout).not.toMatch(/WARNING|ERROR/)
    expect(exitCode).toBe(0)
  })

  test.each(SETS)('%s makes a pod that has no more rights than it needs', (set) => {
    const { pod, server } = podOf(set)

    expect(server.args).toEqual(['serve'])
    expect(server.livenessProbe.httpGet.path).toBe('/health')
    expect(server.startupProbe.httpGet.path).toBe('/health')
    expect(server.readinessProbe.httpGet.path).toBe('/ready')
    expect(server.volumeMounts).toContainEqual({ name: 'tmp', mountPath: '/tmp' })
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(15)
  })

  test.each(SETS)('%s starts the bridge with settings that it takes', (set) => {
    const { server } = podOf(set)
    const given = Object.fromEntries(server.env.map(({ name, value }) => [name, value]))
    const secrets = {
      DATABASE_URL: 'postgres://u:p@db/bridge',
      LAGO_API_KEY: 'a-key',
      LAGO_WEBHOOK_HMAC_KEY: 'a-token',
      DODO_API_KEY: 'a-key',
      DODO_WEBHOOK_SECRET: 'whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx',
    }

    expect(readConfig({ ...given, ...secrets }).port).toBe(3000)
    expect(Object.keys(given).filter((name) => name in secrets)).toEqual([])
  })

  test('no retry is another thing than the default', () => {
    const { server } = podOf('trial-values.yaml')

    expect(server.env).toContainEqual({ name: 'RETRY_SCHEDULE', value: '' })
    expect(server.env.map(({ name }) => name)).not.toContain('LAGO_TIMEOUT')
  })

  test('the schema is brought up to date as its owner, where that is wanted', () => {
    const { init, server } = podOf('everything-values.yaml')

    expect(init?.args).toEqual(['migrate', '--grant', 'bridge_server'])
    expect(init?.env.find(({ name }) => name === 'DATABASE_URL')?.valueFrom?.secretKeyRef).toEqual({
      name: 'bridge-owner',
      key: 'DATABASE_URL',
    })
    expect(server.env.map(({ name }) => name)).not.toContain('DATABASE_URL')
    expect(podOf('usual-values.yaml').init).toBeUndefined()
  })

  test('alerts and board are those that lie beside the chart, word for word', () => {
    const manifests = manifestsOf('everything-values.yaml')
    const [rule, board] = ['PrometheusRule', 'ConfigMap'].map((kind) =>
      manifests.find((one) => one.kind === kind),
    )
    const lying = (path: string) => readFileSync(join(ROOT, 'deploy', path), 'utf8')

    expect(rule?.['spec']).toEqual(Bun.YAML.parse(lying('prometheus/bridge.rules.yaml')))
    expect(board?.metadata['labels']).toMatchObject({ grafana_dashboard: '1' })
    expect(board?.['data']).toEqual({ 'bridge.json': lying('grafana/bridge.json').trimEnd() })
  })

  test('setup runs after each installation, with what the server is set to', () => {
    const job = manifestsOf('everything-values.yaml').find(({ kind }) => kind === 'Job')
    const { spec } = z
      .looseObject({
        spec: z.object({
          template: z.object({ spec: z.looseObject({ containers: z.tuple([Container]) }) }),
        }),
      })
      .parse({
        spec: { template: z.looseObject({ template: z.any() }).parse(job?.['spec']).template },
      })
    const [container] = spec.template.spec.containers

    expect(container.args).toEqual(['setup', '--yes'])
    expect(container.env).toEqual(podOf('everything-values.yaml').server.env)
    expect(job?.metadata['annotations']).toMatchObject({
      'helm.sh/hook': 'post-install,post-upgrade',
    })
  })

  test('a Postgres of its own is never had by two pods, and not deleted with the release', () => {
    const manifests = manifestsOf('trial-values.yaml')
    const { spec, server } = podOf('trial-values.yaml')
    const claim = manifests.find(({ kind }) => kind === 'PersistentVolumeClaim')

    expect(spec.strategy.type).toBe('Recreate')
    expect(spec.replicas).toBe(1)
    expect(server.env).toContainEqual({ name: 'DATA_DIR', value: '/data' })
    expect(claim?.metadata['annotations']).toEqual({ 'helm.sh/resource-policy': 'keep' })
    expect(manifests.map(({ kind }) => kind)).not.toContain('PodDisruptionBudget')
  })

  test('usual is what most need, everything is all that there is', () => {
    const kindsOf = (set: string) => manifestsOf(set).map(({ kind }) => kind)
    const usual = ['PodDisruptionBudget', 'ServiceAccount', 'Service', 'Deployment', 'Ingress']

    expect(kindsOf('usual-values.yaml').toSorted()).toEqual(usual.toSorted())
    expect(kindsOf('everything-values.yaml').toSorted()).toEqual(
      [
        ...usual,
        'NetworkPolicy',
        'HorizontalPodAutoscaler',
        'Ingress',
        'ServiceMonitor',
        'PrometheusRule',
        'ConfigMap',
        'Job',
      ].toSorted(),
    )
  })

  test.each([
    ['no address', ['--set', 'config.publicUrl='], 'config.publicUrl is required'],
    ['http when live', ['--set', 'config.publicUrl=http://x.example'], 'must begin with https://'],
    ['two kinds of secrets', ['--set', 'secrets.create=true'], 'exclude each other'],
    ['no secrets', ['--set', 'secrets.existingSecret='], 'secrets.existingSecret'],
    ['two pods on one Postgres', ['--set', 'embeddedPostgres.enabled=true'], 'one process only'],
    ['a setting that is none', ['--set', 'config.retryShedule=3d'], 'retryShedule'],
    ['a duration that is none', ['--set', 'config.reconcileEvery=soon'], 'reconcileEvery'],
    ['a secret among the settings', ['--set', 'config.dodoApiKey=x'], 'dodoApiKey'],
    ['a dashboard nowhere', ['--set', 'ingress.dashboard.enabled=true'], 'dashboard.host'],
  ])('%s is refused in words', (_what, args, words) => {
    const { exitCode, stderr } = render('usual-values.yaml', ...args)

    expect(exitCode).not.toBe(0)
    expect(stderr).toContain(words)
  })

  test('of a Secret of the release, what is missing is named', () => {
    const { exitCode, stderr } = render(
      'trial-values.yaml',
      '--set',
      'secrets.values.DODO_API_KEY=',
    )

    expect(exitCode).not.toBe(0)
    expect(stderr).toContain('secrets.values.DODO_API_KEY is required')
  })

  describe('and held to the types of Kubernetes', () => {
    // Under the root, where the types are found.
    let folder: string
    beforeAll(() => {
      folder = mkdtempSync(join(ROOT, 'node_modules/.helm-'))
    })
    afterAll(() => rmSync(folder, { recursive: true, force: true }))

    /** Where each kind is described; the Prometheus operator describes its own. */
    const KINDS: Readonly<Record<string, string>> = {
      Deployment: 'apps/v1',
      Service: 'core/v1',
      ServiceAccount: 'core/v1',
      Secret: 'core/v1',
      ConfigMap: 'core/v1',
      Job: 'batch/v1',
      PersistentVolumeClaim: 'core/v1',
      Ingress: 'networking/v1',
      NetworkPolicy: 'networking/v1',
      PodDisruptionBudget: 'policy/v1',
      HorizontalPodAutoscaler: 'autoscaling/v2',
    }
    const check = (manifests: z.infer<typeof Manifest>[]) => {
      const known = manifests.filter(({ apiVersion }) => apiVersion !== 'monitoring.coreos.com/v1')
      const kinds = [...new Set(known.map(({ kind }) => kind))]
      const file = join(folder, 'manifests.ts')
      const lines = [
        ...kinds.map((kind) => `import type { ${kind} } from 'kubernetes-types/${KINDS[kind]}'`),
        ...known.map(
          (one, index) => `export const m${index}: ${one.kind} = ${JSON.stringify(one)}`,
        ),
      ]
      writeFileSync(file, lines.join('\n'))
      const options = [
        '--noEmit',
        '--strict',
        '--moduleResolution',
        'bundler',
        '--module',
        'esnext',
      ]
      return run([process.execPath, 'x', '--bun', 'tsc', '--ignoreConfig', ...options, file]).stdout
    }

    test('every field of every object is one that there is', () => {
      expect(check(SETS.flatMap((set) => manifestsOf(set)))).toBe('')
    })

    test('one that there is not would be seen', () => {
      const [first, ...rest] = manifestsOf('usual-values.yaml')

      expect(check([{ ...(first as z.infer<typeof Manifest>), specs: {} }, ...rest])).toContain(
        'specs',
      )
    })
  })
})
