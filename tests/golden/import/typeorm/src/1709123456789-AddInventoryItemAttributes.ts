import { MigrationInterface, QueryRunner } from 'typeorm';

export class AddInventoryItemAttributes1709123456789 implements MigrationInterface {
  name = 'AddInventoryItemAttributes1709123456789';

  public async up(queryRunner: QueryRunner): Promise<void> {
    // Add attributes JSONB column to inventory_items table
    await queryRunner.query(`
      ALTER TABLE inventory_items
      ADD COLUMN attributes JSONB NOT NULL DEFAULT '{}'
    `);

    // Create GIN index for efficient JSONB querying
    await queryRunner.query(`
      CREATE INDEX CONCURRENTLY idx_inventory_item_attributes ON inventory_items USING GIN (attributes)
    `);

    // Populate attributes for existing items
    await queryRunner.query(
      'UPDATE inventory_items ' +
        "SET attributes = jsonb_build_object('brand', 'Unknown')",
    );
    await queryRunner.query(`INSERT INTO settings VALUES ($1, $2)`, ['it\'s', 5]);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE inventory_items DROP COLUMN attributes`);
  }
}
