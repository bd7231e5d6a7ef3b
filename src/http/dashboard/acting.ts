import { HTTPException } from 'hono/http-exception'
import { z } from 'zod'

import type { Request } from '../../operate/audit.ts'
import { readForm } from './form.ts'
import type { DashboardContext } from './show.tsx'

const Once = z.uuid()

/** What a form of ours asks for, by whom, and which form it was. */
export async function requestOf(
  c: DashboardContext,
  action: string,
  subject: string,
): Promise<Request> {
  const session = c.get('session')
  const { success, data: formId } = Once.safeParse((await readForm(c))['once'])
  // The middleware lets nobody in without a session; a form without an id is none of ours.
  if (!session || !success) throw new HTTPException(403)
  return { formId, who: session.who, role: session.role, action, subject: subject.slice(0, 200) }
}
