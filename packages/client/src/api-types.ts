// Derived from the routes of the service by `npm run docs`. Do not edit it.

export type AccountExport = {
  user: User
  sessions: Session[]
  factors: Factor[]
  emails: AccountExportEmails[]
  audit_events: AccountExportAuditEvents[]
  modules: Record<string, Array<Record<string, unknown>>>
}

export type AccountExportAuditEvents = {
  type: string
  ip: string | null
  user_agent: string | null
  data: Record<string, unknown> | null
  created_at: string
}

export type AccountExportEmails = {
  kind: string
  recipient: string
  status: string | null
  created_at: string
  sent_at: string | null
}

export type AdminClientsRequest = {
  name: string
  scopes: string[]
}

export type AuditEvent = {
  id: string
  type:
    | 'user.registered'
    | 'user.registration_refused'
    | 'user.imported'
    | 'user.profile_changed'
    | 'user.exported'
    | 'user.email_verified'
    | 'user.rejected'
    | 'user.deleted'
    | 'user.deletion_undone'
    | 'user.merged'
    | 'user.deactivated'
    | 'user.activated'
    | 'user.roles_changed'
    | 'login.succeeded'
    | 'login.failed'
    | 'login.refused'
    | 'login.challenged'
    | 'login.mfa_failed'
    | 'login.email_requested'
    | 'factor.added'
    | 'factor.renamed'
    | 'factor.removed'
    | 'factor.undone'
    | 'factor.unproven_removed'
    | 'factors.reset'
    | 'recovery_codes.replaced'
    | 'recovery_code.used'
    | 'factor.refused'
    | 'user.reauthenticated'
    | 'session.reused'
    | 'session.ended'
    | 'sessions.ended'
    | 'password.refused'
    | 'password.closed'
    | 'password.reset_requested'
    | 'password.reset'
    | 'password.changed'
    | 'email.verification_requested'
    | 'email.change_requested'
    | 'email.changed'
    | 'email.change_undone'
    | 'signing_key.published'
    | 'signing_key.promoted'
    | 'signing_key.retired'
    | 'client.created'
    | 'client.secret_added'
    | 'client.secret_dropped'
    | 'client.revoked'
    | 'email.retried'
    | 'site.created'
    | 'site.updated'
    | 'purchase.started'
    | 'purchase.failed'
    | 'purchase.expired'
    | 'purchase.paid'
    | 'purchase.claimed'
    | 'purchase.issue_raised'
    | 'purchase.refunded'
  user_id: string | null
  actor_id: string | null
  actor_client_id: string | null
  session_id: string | null
  ip: string | null
  user_agent: string | null
  data: Record<string, unknown> | null
  created_at: string
}

export type ChangeEmailRequest = {
  current_password: string
  new_email: string
}

export type ChangePasswordRequest = {
  current_password: string
  new_password: string
  audience?: string
}

export type Client = {
  id: string
  name: string
  scopes: string[]
  secrets: ClientSecret[]
  created_at: string
  last_used_at: string | null
  revoked_at: string | null
}

export type ClientSecret = {
  prefix: string
  created_at: string
}

export type ConfirmEmailRequest =
  | {
      token: string
    }
  | {
      email: string
      code: string
    }

export type ConfirmEmailResponse = {
  email: string
  email_verified: true
}

export type DeleteMeRequest = {
  password: string
}

export type Email = {
  id: string
  kind: string
  recipient: string
  user_id: string | null
  locale: string
  status: 'queued' | 'sent' | 'failed' | 'dropped'
  attempts: number
  last_error: string | null
  created_at: string
  sent_at: string | null
}

export type EmailLogin = {
  login_token: string
  expires_in: number
}

export type Factor = {
  id: string
  type: 'totp' | 'passkey' | 'recovery_codes'
  name: string
  created_at: string
  last_used_at: string | null
  user_verifying?: boolean
  backed_up?: boolean
  transports?: string[]
  aaguid?: string | null
  remaining?: number
}

export type FactorsPasskeysRequest = {
  name?: string
  credential: NewPasskeyCredential
}

export type FactorsPasskeysResponse = {
  factor: Factor
  recovery_codes?: string[]
}

export type FactorsRecoveryCodesResponse = {
  recovery_codes: string[]
}

export type FactorsTotpConfirmRequest = {
  code: string
  name?: string
}

export type FactorsTotpConfirmResponse = {
  factor: Factor
  recovery_codes?: string[]
}

export type FactorsTotpResponse = {
  id: string
  secret: string
  otpauth_uri: string
  qr_svg: string
}

export type FieldError = {
  path: string
  rule: string
  message: string
}

export type ForgotPasswordRequest = {
  email: string
}

export type GetAdminAuditEventsResponse = {
  data: AuditEvent[]
  next_cursor: string | null
}

export type GetAdminClientsResponse = {
  data: Client[]
  next_cursor: string | null
}

export type GetAdminEmailsResponse = {
  data: Email[]
  next_cursor: string | null
}

export type GetAdminUsersResponse = {
  data: User[]
  next_cursor: string | null
}

export type GetFactorsResponse = {
  data: Factor[]
}

export type GetLivezResponse = {
  status: 'alive'
}

export type GetSessionsResponse = {
  data: Session[]
  next_cursor: null
}

export type LoginEmailConfirmRequest =
  | {
      login_token: string
      token_transport?: 'body' | 'cookie'
      audience?: string
      code: string
    }
  | {
      login_token: string
      token_transport?: 'body' | 'cookie'
      audience?: string
      token: string
    }

export type LoginEmailRequest = {
  email: string
}

export type LoginMfaRequest =
  | {
      mfa_token: string
      token_transport?: 'body' | 'cookie'
      audience?: string
      code: string
    }
  | {
      mfa_token: string
      token_transport?: 'body' | 'cookie'
      audience?: string
      recovery_code: string
    }
  | {
      mfa_token: string
      token_transport?: 'body' | 'cookie'
      audience?: string
      credential: PasskeyCredential
    }
  | {
      mfa_token: string
      token_transport?: 'body' | 'cookie'
      audience?: string
      password: string
    }

export type LoginPasskeyOptionsRequest = Record<string, never>

export type LoginPasskeyRequest = {
  credential: PasskeyCredential
  token_transport?: 'body' | 'cookie'
  audience?: string
}

export type LoginRequest = {
  email: string
  password: string
  token_transport?: 'body' | 'cookie'
  audience?: string
}

export type LogoutRequest = {
  refresh_token?: string
}

export type NewClient = {
  id: string
  name: string
  scopes: string[]
  secrets: ClientSecret[]
  created_at: string
  last_used_at: string | null
  revoked_at: string | null
  secret: string
}

export type NewClientSecret = {
  prefix: string
  created_at: string
  secret: string
}

export type NewPasskeyCredential = {
  id: string
  rawId: string
  type: 'public-key'
  response: NewPasskeyCredentialResponse
}

export type NewPasskeyCredentialResponse = {
  clientDataJSON: string
  attestationObject: string
  transports?: string[] | null
}

export type PasskeyAlgorithm = {
  type: 'public-key'
  alg: number
}

export type PasskeyCreationOptions = {
  challenge: string
  rp: PasskeyRelyingParty
  user: PasskeyUser
  pubKeyCredParams: PasskeyAlgorithm[]
  timeout: number
  excludeCredentials: PasskeyDescriptor[]
  authenticatorSelection: PasskeySelection
  attestation: 'none'
}

export type PasskeyCredential = {
  id: string
  rawId: string
  type: 'public-key'
  response: PasskeyCredentialResponse
}

export type PasskeyCredentialResponse = {
  clientDataJSON: string
  authenticatorData: string
  signature: string
  userHandle?: '' | string | null
}

export type PasskeyDescriptor = {
  id: string
  type: 'public-key'
  transports?: string[]
}

export type PasskeyRelyingParty = {
  id: string
  name: string
}

export type PasskeyRequestOptions = {
  challenge: string
  rpId: string
  timeout: number
  allowCredentials: PasskeyDescriptor[]
  userVerification: 'preferred'
}

export type PasskeySelection = {
  residentKey: 'required'
  requireResidentKey: true
  userVerification: 'preferred'
}

export type PasskeyUser = {
  id: string
  name: string
  displayName: string
}

export type PatchAdminUsersRequest = {
  is_active?: boolean
  roles?: Array<'user' | 'admin'>
}

export type PatchFactorsRequest = {
  name: string
}

export type PatchMeRequest = {
  full_name?: string | null
  phone?: string | null
  address?: string | null
  preferred_language?: string | null
  picture_url?: string | null
}

export type ProblemCode =
  | 'VALIDATION_ERROR'
  | 'AUTH_ERROR'
  | 'INVALID_TOKEN'
  | 'TOKEN_EXPIRED'
  | 'REAUTHENTICATION_REQUIRED'
  | 'INVALID_CREDENTIALS'
  | 'INVALID_CURRENT_PASSWORD'
  | 'NO_PASSWORD'
  | 'INVALID_REFRESH_TOKEN'
  | 'SESSION_REVOKED'
  | 'ACCOUNT_DEACTIVATED'
  | 'EMAIL_NOT_VERIFIED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'REQUEST_TIMEOUT'
  | 'USER_EXISTS'
  | 'DUPLICATE_ENTRY'
  | 'PAYLOAD_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'EXPECTATION_FAILED'
  | 'HEADERS_TOO_LARGE'
  | 'RATE_LIMIT_EXCEEDED'
  | 'INTERNAL_ERROR'
  | 'SERVICE_UNAVAILABLE'
  | 'MFA_REQUIRED'
  | 'MFA_ENROLLMENT_REQUIRED'
  | 'INVALID_MFA_CODE'
  | 'INVALID_PASSKEY'
  | 'PASSKEY_EXISTS'
  | 'PASSKEYS_UNAVAILABLE'
  | 'FACTOR_LIMIT_REACHED'
  | 'INVALID_CLIENT'
  | 'INVALID_SCOPE'
  | 'INVALID_TARGET'
  | 'INSUFFICIENT_SCOPE'
  | 'UNSUPPORTED_GRANT_TYPE'
  | 'UNSUPPORTED_TOKEN_TYPE'
  | 'SECRET_LIMIT_REACHED'
  | 'INVALID_SIGNATURE'
  | 'SITE_UNAVAILABLE'
  | 'REQUEST_IN_PROGRESS'
  | 'IDEMPOTENCY_KEY_REUSED'

export type PutChangePasswordRequest = {
  current_password: string
  new_password: string
  audience?: string
}

export type PutMeRequest = {
  full_name?: string | null
  phone?: string | null
  address?: string | null
  preferred_language?: string | null
  picture_url?: string | null
}

export type Readiness = {
  status: 'ready' | 'degraded' | 'not_ready' | 'draining'
  checks: ReadinessChecks
  oldest_unsent_mail_seconds: number | null
}

export type ReadinessChecks = {
  postgres: 'up' | 'down'
  redis: 'up' | 'down'
  queue: 'up' | 'down'
}

export type ReauthenticateRequest =
  | {
      password: string
      audience?: string
    }
  | {
      audience?: string
      code: string
    }
  | {
      audience?: string
      recovery_code: string
    }
  | {
      audience?: string
      credential: PasskeyCredential
    }

export type ReauthenticateResponse = {
  access_token: string
  token_type: 'Bearer'
  expires_in: number
}

export type RefreshRequest = {
  refresh_token?: string
  audience?: string
}

export type RegisterRequest = {
  email: string
  password: string
  full_name?: string | null
  phone?: string | null
  address?: string | null
  preferred_language?: string | null
  token_transport?: 'body' | 'cookie'
  audience?: string
}

export type RegisterResponse = {
  user?: User
}

export type RejectAccountRequest = {
  token: string
}

export type ResendVerificationRequest = {
  email: string
}

export type ResetPasswordRequest =
  | {
      token: string
      new_password: string
    }
  | {
      email: string
      code: string
      new_password: string
    }

export type Session = {
  id: string
  created_at: string
  last_used_at: string
  expires_at: string
  ip: string
  user_agent: string
  browser: string | null
  system: string | null
  current: boolean
  created_before_verification?: true
}

export type SessionTokens = {
  access_token: string
  token_type: 'Bearer'
  expires_in: number
  refresh_token?: string
  refresh_expires_in: number
  session_id: string
  user: User
}

export type Tokens = {
  access_token: string
  token_type: 'Bearer'
  expires_in: number
  refresh_token?: string
  refresh_expires_in: number
  session_id: string
}

export type UndoDeletionRequest = {
  token: string
}

export type UndoEmailChangeRequest = {
  token: string
}

export type UndoEmailChangeResponse = {
  email: string
  email_verified: true
}

export type UndoFactorRequest = {
  token: string
}

export type User = {
  id: string
  email: string
  email_verified: boolean
  full_name: string | null
  phone: string | null
  address: string | null
  preferred_language: string | null
  picture_url: string | null
  roles: Array<'user' | 'admin'>
  is_active: boolean
  mfa_enabled: boolean
  last_login_at: string | null
  last_password_change_at: string | null
  created_at: string
  updated_at: string
}

export type VerifyEmailRequest =
  | {
      token: string
    }
  | {
      email: string
      code: string
    }

export type VerifyEmailResponse = {
  email: string
  email_verified: true
}

export type VerifyResetTokenRequest =
  | {
      token: string
    }
  | {
      email: string
      code: string
    }

export type VerifyResetTokenResponse = {
  valid: true
  expires_at: string
}

/** Every route with a JSON reply, by method and path. */
export type Routes = {
  'POST /api/v1/auth/register': {
    body: RegisterRequest
    replies: {
      201: SessionTokens
      202: RegisterResponse
    }
  }
  'GET /api/v1/auth/me': {
    replies: {
      200: User
    }
  }
  'PATCH /api/v1/auth/me': {
    body: PatchMeRequest
    replies: {
      200: User
    }
  }
  'PUT /api/v1/auth/me': {
    body: PutMeRequest
    replies: {
      200: User
    }
  }
  'DELETE /api/v1/auth/me': {
    body: DeleteMeRequest
    replies: {
      204: undefined
    }
  }
  'GET /api/v1/auth/me/export': {
    replies: {
      200: AccountExport
    }
  }
  'POST /api/v1/auth/undo-deletion': {
    body: UndoDeletionRequest
    replies: {
      204: undefined
    }
  }
  'POST /api/v1/auth/login': {
    body: LoginRequest
    replies: {
      200: SessionTokens
    }
  }
  'POST /api/v1/auth/login/mfa': {
    body: LoginMfaRequest
    replies: {
      200: SessionTokens
    }
  }
  'POST /api/v1/auth/login/passkey/options': {
    body: LoginPasskeyOptionsRequest
    replies: {
      200: PasskeyRequestOptions
    }
  }
  'POST /api/v1/auth/login/passkey': {
    body: LoginPasskeyRequest
    replies: {
      200: SessionTokens
    }
  }
  'POST /api/v1/auth/login/email': {
    body: LoginEmailRequest
    replies: {
      202: EmailLogin
    }
  }
  'POST /api/v1/auth/login/email/confirm': {
    body: LoginEmailConfirmRequest
    replies: {
      200: SessionTokens
    }
  }
  'GET /api/v1/auth/factors': {
    replies: {
      200: GetFactorsResponse
    }
  }
  'POST /api/v1/auth/factors/totp': {
    replies: {
      201: FactorsTotpResponse
    }
  }
  'POST /api/v1/auth/factors/totp/confirm': {
    body: FactorsTotpConfirmRequest
    replies: {
      200: FactorsTotpConfirmResponse
    }
  }
  'POST /api/v1/auth/factors/passkeys/options': {
    replies: {
      200: PasskeyCreationOptions
    }
  }
  'POST /api/v1/auth/factors/passkeys': {
    body: FactorsPasskeysRequest
    replies: {
      201: FactorsPasskeysResponse
    }
  }
  'POST /api/v1/auth/factors/recovery-codes': {
    replies: {
      200: FactorsRecoveryCodesResponse
    }
  }
  'PATCH /api/v1/auth/factors/{id}': {
    params: {
      id: string
    }
    body: PatchFactorsRequest
    replies: {
      200: Factor
    }
  }
  'DELETE /api/v1/auth/factors/{id}': {
    params: {
      id: string
    }
    replies: {
      204: undefined
    }
  }
  'POST /api/v1/auth/undo-factor': {
    body: UndoFactorRequest
    replies: {
      204: undefined
    }
  }
  'POST /api/v1/auth/reauthenticate': {
    body: ReauthenticateRequest
    replies: {
      200: ReauthenticateResponse
    }
  }
  'POST /api/v1/auth/reauthenticate/options': {
    replies: {
      200: PasskeyRequestOptions
    }
  }
  'GET /api/v1/auth/check': {
    query: {
      role?: 'user' | 'admin'
      verified?: 'true'
      scope?: string
      audience?: string
    }
    replies: {
      204: undefined
    }
  }
  'GET /api/v1/auth/check/{path}': {
    params: {
      path: string
    }
    replies: {
      200: undefined
    }
  }
  'POST /api/v1/auth/refresh': {
    body: RefreshRequest
    replies: {
      200: Tokens
    }
  }
  'POST /api/v1/auth/logout': {
    body: LogoutRequest
    replies: {
      204: undefined
    }
  }
  'POST /api/v1/auth/logout-all': {
    replies: {
      204: undefined
    }
  }
  'GET /api/v1/auth/sessions': {
    replies: {
      200: GetSessionsResponse
    }
  }
  'DELETE /api/v1/auth/sessions/{id}': {
    params: {
      id: string
    }
    replies: {
      204: undefined
    }
  }
  'POST /api/v1/auth/verify-email': {
    body: VerifyEmailRequest
    replies: {
      200: VerifyEmailResponse
    }
  }
  'POST /api/v1/auth/resend-verification': {
    body: ResendVerificationRequest
    replies: {
      202: undefined
    }
  }
  'POST /api/v1/auth/reject-account': {
    body: RejectAccountRequest
    replies: {
      204: undefined
    }
  }
  'POST /api/v1/auth/verify-reset-token': {
    body: VerifyResetTokenRequest
    replies: {
      200: VerifyResetTokenResponse
    }
  }
  'POST /api/v1/auth/reset-password': {
    body: ResetPasswordRequest
    replies: {
      204: undefined
    }
  }
  'POST /api/v1/auth/change-password': {
    body: ChangePasswordRequest
    replies: {
      200: SessionTokens
      204: undefined
    }
  }
  'PUT /api/v1/auth/change-password': {
    body: PutChangePasswordRequest
    replies: {
      200: SessionTokens
      204: undefined
    }
  }
  'POST /api/v1/auth/forgot-password': {
    body: ForgotPasswordRequest
    replies: {
      202: undefined
    }
  }
  'POST /api/v1/auth/change-email': {
    body: ChangeEmailRequest
    replies: {
      202: undefined
    }
  }
  'POST /api/v1/auth/confirm-email': {
    body: ConfirmEmailRequest
    replies: {
      200: ConfirmEmailResponse
    }
  }
  'POST /api/v1/auth/undo-email-change': {
    body: UndoEmailChangeRequest
    replies: {
      200: UndoEmailChangeResponse
    }
  }
  'GET /api/v1/admin/users': {
    query: {
      cursor?: string
      limit?: string
      search?: string
      is_active?: 'true' | 'false'
      role?: 'user' | 'admin'
    }
    replies: {
      200: GetAdminUsersResponse
    }
  }
  'GET /api/v1/admin/users/{id}': {
    params: {
      id: string
    }
    replies: {
      200: User
    }
  }
  'PATCH /api/v1/admin/users/{id}': {
    params: {
      id: string
    }
    body: PatchAdminUsersRequest
    replies: {
      200: User
    }
  }
  'DELETE /api/v1/admin/users/{id}': {
    params: {
      id: string
    }
    replies: {
      204: undefined
    }
  }
  'POST /api/v1/admin/users/{id}/logout': {
    params: {
      id: string
    }
    replies: {
      204: undefined
    }
  }
  'DELETE /api/v1/admin/users/{id}/factors': {
    params: {
      id: string
    }
    replies: {
      204: undefined
    }
  }
  'GET /api/v1/admin/clients': {
    query: {
      cursor?: string
      limit?: string
    }
    replies: {
      200: GetAdminClientsResponse
    }
  }
  'POST /api/v1/admin/clients': {
    body: AdminClientsRequest
    replies: {
      201: NewClient
    }
  }
  'POST /api/v1/admin/clients/{id}/secrets': {
    params: {
      id: string
    }
    replies: {
      201: NewClientSecret
    }
  }
  'DELETE /api/v1/admin/clients/{id}/secrets/{prefix}': {
    params: {
      id: string
      prefix: string
    }
    replies: {
      204: undefined
    }
  }
  'DELETE /api/v1/admin/clients/{id}': {
    params: {
      id: string
    }
    replies: {
      204: undefined
    }
  }
  'GET /api/v1/admin/emails': {
    query: {
      cursor?: string
      limit?: string
      status?: 'queued' | 'sent' | 'failed' | 'dropped'
      recipient?: string
    }
    replies: {
      200: GetAdminEmailsResponse
    }
  }
  'POST /api/v1/admin/emails/{id}/retry': {
    params: {
      id: string
    }
    replies: {
      202: undefined
    }
  }
  'GET /api/v1/admin/audit-events': {
    query: {
      cursor?: string
      limit?: string
      user_id?: string
      actor_client_id?: string
      type?:
        | 'user.registered'
        | 'user.registration_refused'
        | 'user.imported'
        | 'user.profile_changed'
        | 'user.exported'
        | 'user.email_verified'
        | 'user.rejected'
        | 'user.deleted'
        | 'user.deletion_undone'
        | 'user.merged'
        | 'user.deactivated'
        | 'user.activated'
        | 'user.roles_changed'
        | 'login.succeeded'
        | 'login.failed'
        | 'login.refused'
        | 'login.challenged'
        | 'login.mfa_failed'
        | 'login.email_requested'
        | 'factor.added'
        | 'factor.renamed'
        | 'factor.removed'
        | 'factor.undone'
        | 'factor.unproven_removed'
        | 'factors.reset'
        | 'recovery_codes.replaced'
        | 'recovery_code.used'
        | 'factor.refused'
        | 'user.reauthenticated'
        | 'session.reused'
        | 'session.ended'
        | 'sessions.ended'
        | 'password.refused'
        | 'password.closed'
        | 'password.reset_requested'
        | 'password.reset'
        | 'password.changed'
        | 'email.verification_requested'
        | 'email.change_requested'
        | 'email.changed'
        | 'email.change_undone'
        | 'signing_key.published'
        | 'signing_key.promoted'
        | 'signing_key.retired'
        | 'client.created'
        | 'client.secret_added'
        | 'client.secret_dropped'
        | 'client.revoked'
        | 'email.retried'
        | 'site.created'
        | 'site.updated'
        | 'purchase.started'
        | 'purchase.failed'
        | 'purchase.expired'
        | 'purchase.paid'
        | 'purchase.claimed'
        | 'purchase.issue_raised'
        | 'purchase.refunded'
      from?: string
      to?: string
    }
    replies: {
      200: GetAdminAuditEventsResponse
    }
  }
  'GET /livez': {
    replies: {
      200: GetLivezResponse
    }
  }
  'GET /readyz': {
    replies: {
      200: Readiness
    }
  }
}
