import { Accounts1763700000000 } from '../../../migrations/1763700000000-accounts.ts'
import { AccountLife1763800000000 } from '../../../migrations/1763800000000-account-life.ts'
import { FailedLogins1763900000000 } from '../../../migrations/1763900000000-failed-logins.ts'
import { Purchases1764000000000 } from '../../../migrations/1764000000000-purchases.ts'
import { PasswordForms1764100000000 } from '../../../migrations/1764100000000-password-forms.ts'
import { RepeatedProofs1764110000000 } from '../../../migrations/1764110000000-repeated-proofs.ts'
import { PurchaseClaims1764120000000 } from '../../../migrations/1764120000000-purchase-claims.ts'
import { ReservationBounds1764120000001 } from '../../../migrations/1764120000001-reservation-bounds.ts'
import { AuditData1764120000002 } from '../../../migrations/1764120000002-audit-data.ts'
import { WaitingPurchases1764120000003 } from '../../../migrations/1764120000003-waiting-purchases.ts'
import { MailHolds1764130000000 } from '../../../migrations/1764130000000-mail-holds.ts'
import { EmailRetention1764130000001 } from '../../../migrations/1764130000001-email-retention.ts'
import { KeyRotation1764200000000 } from '../../../migrations/1764200000000-key-rotation.ts'
import { EmailSecrets1764210000000 } from '../../../migrations/1764210000000-email-secrets.ts'
import { Clients1764220000000 } from '../../../migrations/1764220000000-clients.ts'
import { Revocations1764250000000 } from '../../../migrations/1764250000000-revocations.ts'
import { Factors1764300000000 } from '../../../migrations/1764300000000-factors.ts'
import { Growth1764310000000 } from '../../../migrations/1764310000000-growth.ts'

/** Every migration, oldest first. */
export const migrations = [
  Accounts1763700000000,
  AccountLife1763800000000,
  FailedLogins1763900000000,
  Purchases1764000000000,
  PasswordForms1764100000000,
  RepeatedProofs1764110000000,
  PurchaseClaims1764120000000,
  ReservationBounds1764120000001,
  AuditData1764120000002,
  WaitingPurchases1764120000003,
  MailHolds1764130000000,
  EmailRetention1764130000001,
  KeyRotation1764200000000,
  EmailSecrets1764210000000,
  Clients1764220000000,
  Revocations1764250000000,
  Factors1764300000000,
  Growth1764310000000,
]
