import { MigrationInterface, QueryRunner, Table } from 'typeorm';
const prefix = 'x_';
export class Tables1709123456790 implements MigrationInterface {
  transaction = false;
  async up(queryRunner: QueryRunner) {
    console.log('begin');
    await queryRunner.createTable(new Table({ name: 'a', columns: [{ name: 'id', type: 'int' }] }));
    await queryRunner.query(`COMMENT ON TABLE ${prefix}a IS 'x'`);
    if (process.env.SEED) {
      await queryRunner.query(`INSERT INTO a VALUES (1)`);
    }
    await queryRunner.query('SELECT 1');
  }
  async down(queryRunner: QueryRunner) {
    await queryRunner.query('SELECT 2');
    await queryRunner.dropTable('a');
  }
}
