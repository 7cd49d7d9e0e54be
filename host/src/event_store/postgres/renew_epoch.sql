UPDATE log_epoch SET epoch = epoch + 1, renewed_at = now()
