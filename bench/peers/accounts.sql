-- What a hand-written service keeps: the same facts about a user, and a hash of each refresh token.
CREATE TABLE users (
  id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email              text NOT NULL UNIQUE,
  password_hash      text NOT NULL,
  email_verified     boolean NOT NULL DEFAULT false,
  full_name          text,
  phone              text,
  address            text,
  preferred_language text,
  picture_url        text,
  roles              text[] NOT NULL DEFAULT '{user}',
  is_active          boolean NOT NULL DEFAULT true,
  last_login_at      timestamptz,
  created_at         timestamptz NOT NULL DEFAULT now(),
  updated_at         timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE refresh_tokens (
  token_hash bytea PRIMARY KEY,
  user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  expires_at timestamptz NOT NULL
);
CREATE INDEX ON refresh_tokens (user_id);
