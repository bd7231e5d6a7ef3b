import { execute, GraphQLError, parse, specifiedRules, validate, type DocumentNode } from 'graphql'
import { Hono } from 'hono'
import { z } from 'zod'
import type { Asker, OpenfrontWorld } from '../store/world.ts'
import { createResolvers } from './resolvers.ts'
import { SCHEMA } from './schema.ts'

const Operation = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
})

/**
 * The shop's GraphQL, which checks every query against the schema. A query that is wrong in itself is a 400; what
 * goes wrong while it is carried out is a 200 with `errors`.
 */
export function graphqlApi(world: OpenfrontWorld) {
  const rootValue = createResolvers(world)

  return new Hono().post('/', async (c) => {
    const operation = Operation.safeParse(await c.req.json().catch(() => undefined))
    if (!operation.success)
      return c.json(
        refusal('POST body missing, invalid Content-Type, or JSON object has no keys.'),
        400,
      )

    const { query, variables, operationName } = operation.data
    const document = parseQuery(query)
    if (document instanceof GraphQLError) return c.json(refuse([document], 'PARSE'), 400)
    const problems = validate(SCHEMA, document, specifiedRules)
    if (problems.length > 0) return c.json(refuse(problems, 'VALIDATION'), 400)

    const result = await execute({
      schema: SCHEMA,
      document,
      rootValue,
      contextValue: askerOf(world, c.req.header('authorization')),
      variableValues: variables ?? null,
      operationName: operationName ?? null,
    })
    return c.json(result)
  })
}

function parseQuery(query: string): DocumentNode | GraphQLError {
  try {
    return parse(query)
  } catch (error) {
    if (error instanceof GraphQLError) return error
    throw error
  }
}

const refuse = (errors: readonly GraphQLError[], stage: 'PARSE' | 'VALIDATION') => ({
  errors: errors.map(({ message }) => ({
    message,
    extensions: { code: `GRAPHQL_${stage}_FAILED` },
  })),
})

const refusal = (message: string) => ({
  errors: [{ message, extensions: { code: 'BAD_REQUEST' } }],
})

/** A key that is unknown or has ended is nobody. */
function askerOf({ store, now }: OpenfrontWorld, authorization: string | undefined): Asker {
  const token = /^Bearer (of_\S+)$/.exec(authorization ?? '')?.[1]
  const key = store.apiKeys.get(token ?? '')
  const isValid = key !== undefined && (key.expiresAt === null || key.expiresAt > now())
  return { scopes: isValid ? key.scopes : [], userId: null }
}
