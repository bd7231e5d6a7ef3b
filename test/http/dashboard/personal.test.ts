import { expect, test } from 'bun:test'

import { maskPersonal } from '../../../src/http/dashboard/personal.ts'

test('what says who somebody is is covered, however a service spells its fields', () => {
  const said = {
    customer: { legal_name: 'Fern', email: 'a@b.example', external_id: 'acct_1' },
    // As HighLevel does.
    companyName: 'Fern Agency',
    contactEmail: 'a@b.example',
    contact: { firstName: 'Ann', phoneNumber: '1', locationId: 'loc_1' },
    emails: ['a@b.example', null, ['c@d.example']],
    addresses: [{ street: 'Elm St', country: 'US' }],
    plan_names: ['Basic'],
    file_url: 'https://lago.example/1.pdf',
    productName: 'E-book',
  }

  expect(maskPersonal(said)).toEqual({
    customer: { legal_name: '•••', email: '•••', external_id: 'acct_1' },
    companyName: '•••',
    contactEmail: '•••',
    contact: { firstName: '•••', phoneNumber: '•••', locationId: 'loc_1' },
    emails: ['•••', null, ['•••']],
    addresses: [{ street: '•••', country: 'US' }],
    plan_names: ['Basic'],
    file_url: 'https://lago.example/1.pdf',
    productName: 'E-book',
  })
})
