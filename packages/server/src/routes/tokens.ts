import { tokenAnswer, tokenRequest } from '@castellan/protocol'
import { STATING } from '../openapi/codes.ts'
import { issueToken } from '../tokens/issue.ts'
import { route, type Route } from './route.ts'

export const tokenRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/v1/tokens',
    tag: 'Facts',
    doc: 'makes a token and shows its secret, this once',
    id: 'createToken',
    statuses: { 201: 'it is made' },
    codes: STATING,
    body: tokenRequest,
    answer: tokenAnswer,
    async handle({ caller, body }, context) {
      const { issuer = caller.issuer, full = false, permissions = [], expiresAt } = body
      const wish = { issuer, full, permissions, ...(expiresAt !== undefined && { expiresAt }) }
      const { id, secret, revision } = await issueToken(context, wish, {
        actor: caller.actor,
        as: caller.actor,
      })
      return {
        status: 201,
        body: { id, issuer, full, ...(expiresAt !== undefined && { expiresAt }), token: secret, revision },
      }
    },
  }),
]
